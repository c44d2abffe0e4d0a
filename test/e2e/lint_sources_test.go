package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// file writes a manifest of the scene and returns its path.
func (s *scene) file(text string) string {
	s.Helper()
	path := filepath.Join(s.TempDir(), "manifests.yaml")
	require.NoError(s, os.WriteFile(path, []byte(s.own(text)), 0o600))
	return path
}

// Files over the cluster: what they bring is new and fails, what they mend is fixed, the rest is unchanged and does not fail.
func TestLintFilesOverCluster(t *testing.T) {
	s := faultyScene(t, onDefault)
	states := func(report lintReport) map[string]string {
		found := map[string]string{}
		for _, finding := range report.Findings {
			if finding.Level != "info" {
				found[finding.String()] = finding.State
			}
		}
		return found
	}
	s.writesNothing(func() {
		mended := s.file(strings.NewReplacer("name: http", "name: grpc").Replace(faulty))
		assert.Equal(t, map[string]string{
			"GX104 Namespace//test": "unchanged", "GX301 Service/test/server": "fixed",
			"GX308 Service/test/server": "unchanged", "GX509 VirtualService/test/server": "unchanged",
		}, states(s.lint(0, "-f", mended, "--with-cluster")))

		broken := s.file(strings.NewReplacer("destination: {host: server", "destination: {host: servre").Replace(faulty))
		found := states(s.lint(1, "-f", broken, "--with-cluster"))
		assert.Equal(t, "new", found["GX503 VirtualService/test/server"])
		assert.Equal(t, "unchanged", found["GX104 Namespace//test"])

		same := s.file(faulty)
		for finding, state := range states(s.lint(0, "-f", same, "--with-cluster")) {
			assert.Equal(t, "unchanged", state, finding)
		}
		// A route alone refers to what only the cluster has.
		route := s.file(faulty[strings.LastIndex(faulty, "---"):])
		assert.NotContains(t, states(s.lint(0, "-f", route, "--with-cluster")), "GX501 VirtualService/test/server")
	})
}

// Two clusters in one report, each finding with its context: the same objects are injected in one mesh and not in the other.
func TestLintContexts(t *testing.T) {
	s := on(t, onDefault)
	injected := "apiVersion: v1\nkind: Namespace\nmetadata: {name: test, labels: {istio-injection: enabled}}\n---" +
		strings.Replace(meshless, "name: http", "name: grpc", 1)
	s.put(injected[:strings.Index(injected, "---")])
	s.given(injected)
	s.beside(onRevisions, injected)
	s.kubeconfig = s.bothContexts(onDefault, onRevisions)
	report := s.lint(1, "--context", "default", "--context", "revisions")
	require.Len(t, report.Findings, 1)
	assert.Equal(t, "GX104 Namespace//test", report.Findings[0].String())
	assert.Equal(t, "revisions", report.Findings[0].Context)
	assert.Empty(t, s.lint(0, "--context", "default").Findings)
	s.run("lint", "--context", "default", "--context", "revisions").exits(1)
	s.run("lint", "--context", "default", "--context", "nobody").exits(2)
	s.golden()
}

// beside has the scene's objects on another stack as well, which goes on serving its own tests meanwhile.
func (s *scene) beside(other *sharedStack, objects string) {
	s.Helper()
	other.start.Do(func() { other.failure = other.launch() })
	require.NoError(s, other.failure)
	require.NoError(s, other.Apply(s.Context(), s.own(objects)))
	s.Cleanup(func() {
		_, err := other.Kubectl(cleanup, "delete", "namespace", s.namespace, "--wait=false")
		assert.NoError(s, err)
	})
	_, err := other.Kubectl(s.Context(), "rollout", "status", "deployment", "-n", s.namespace)
	require.NoError(s, err)
}

// bothContexts writes a kubeconfig with the stacks as contexts, which have the names of their flavours.
func (s *scene) bothContexts(stacks ...*sharedStack) string {
	s.Helper()
	merged := clientcmdapi.NewConfig()
	for _, shared := range stacks {
		config, err := clientcmd.LoadFromFile(shared.Kubeconfig)
		require.NoError(s, err)
		name := string(shared.options.Flavour)
		used := config.Contexts[config.CurrentContext]
		merged.Clusters[name], merged.AuthInfos[name] = config.Clusters[used.Cluster], config.AuthInfos[used.AuthInfo]
		merged.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	}
	path := filepath.Join(s.TempDir(), "contexts")
	require.NoError(s, clientcmd.WriteToFile(*merged, path))
	return path
}
