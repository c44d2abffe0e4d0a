package plugin

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// completions are the words that a shell gets for what was typed, without their descriptions, and cobra's last line.
func completions(t *testing.T, typed ...string) (words []string, directive string) {
	t.Helper()
	stdout, _, code := run(t, append([]string{cobra.ShellCompRequestCmd}, typed...)...)
	assert.Equal(t, ExitFine, code)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	for _, line := range lines[:len(lines)-1] {
		word, _, _ := strings.Cut(line, "\t")
		words = append(words, word)
	}
	return words, lines[len(lines)-1]
}

// onlyWordsDirective is cobra's for "no files".
const onlyWordsDirective = ":4"

func completionServer(t *testing.T) (url string) {
	workload := func(kind, name string) string {
		return `{apiVersion: apps/v1, kind: ` + kind + `List, items: [{metadata: {name: ` + name + `, namespace: shop},
  spec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: main, ports: [{name: grpc, containerPort: 50051}, {containerPort: 8080}]}]}}}}]}`
	}
	return apiServer(t, map[string]string{
		"/apis/apps/v1/namespaces/shop/deployments":  workload("Deployment", "orders"),
		"/apis/apps/v1/namespaces/shop/statefulsets": workload("StatefulSet", "ledger"),
		"/apis/apps/v1/namespaces/shop/daemonsets":   workload("DaemonSet", "agent"),
		"/api/v1/namespaces":                         `{apiVersion: v1, kind: NamespaceList, items: [{metadata: {name: shop}}, {metadata: {name: default}}]}`,
		"/api/v1/namespaces/shop/services":           `{apiVersion: v1, kind: ServiceList, items: [{metadata: {name: orders, namespace: shop}}]}`,
		"/apis/apps/v1/deployments": `{apiVersion: apps/v1, kind: DeploymentList, items: [
  {metadata: {name: public, namespace: edge}, spec: {selector: {matchLabels: {istio: public}}, template: {metadata: {labels: {istio: public}}, spec: {containers: [{name: istio-proxy, args: [proxy, router]}]}}}},
  {metadata: {name: orders, namespace: shop}, spec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: main}]}}}}]}`,
		"/apis/apps/v1/statefulsets":            `{apiVersion: apps/v1, kind: StatefulSetList}`,
		"/apis/apps/v1/daemonsets":              `{apiVersion: apps/v1, kind: DaemonSetList}`,
		"/apis":                                 current,
		"/apis/networking.istio.io/v1/gateways": `{apiVersion: networking.istio.io/v1, kind: GatewayList, items: [{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: public, namespace: istio-system}}]}`,
		webhooksPath: `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfigurationList
items:
- metadata: {name: a, labels: {app: sidecar-injector, istio.io/rev: 1-27}}
  webhooks: [{name: a, clientConfig: {service: {name: istiod, namespace: istio-system, path: /inject}}, rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]}]
- metadata: {name: b, labels: {app: sidecar-injector, istio.io/rev: 1-27, istio.io/tag: stable}}
  webhooks: [{name: a, clientConfig: {service: {name: istiod, namespace: istio-system, path: /inject}}, rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]}]
`,
	})
}

func TestCompletionFromTheCluster(t *testing.T) {
	url := completionServer(t)
	tests := map[string]struct {
		typed, want []string
	}{
		"workloads":                 {[]string{"create", "-n", "shop", ""}, []string{"deployment/orders", "statefulset/ledger", "daemonset/agent"}},
		"workloads of a kind":       {[]string{"create", "-n", "shop", "sts/"}, []string{"sts/ledger"}},
		"name behind the kind":      {[]string{"delete", "-n", "shop", "deploy", ""}, []string{"orders"}},
		"no kind of workload":       {[]string{"delete", "-n", "shop", "service", ""}, nil},
		"nothing behind one":        {[]string{"status", "-n", "shop", "deploy", "orders", ""}, nil},
		"several workloads of lint": {[]string{"lint", "-n", "shop", "deployment/orders", "daemonset/"}, []string{"daemonset/agent"}},
		"status":                    {[]string{"status", "-n", "shop", ""}, []string{"deployment/orders", "statefulset/ledger", "daemonset/agent"}},
		"namespaces":                {[]string{"lint", "-n", ""}, []string{"default", "shop"}},
		"Services":                  {[]string{"create", "-n", "shop", "--service", ""}, []string{"orders"}},
		"Gateways":                  {[]string{"create", "--gateway", ""}, []string{"istio-system/public"}},
		"gateways' workloads":       {[]string{"create", "--gateway-workload", ""}, []string{"edge/public"}},
		"the same for verify":       {[]string{"verify", "--gateway-workload", ""}, []string{"edge/public"}},
		"gateways' labels":          {[]string{"create", "--gateway-selector", ""}, []string{"istio=public"}},
		"revisions and tags":        {[]string{"create", "--revision", ""}, []string{"1-27", "stable"}},
		"ports of the workload":     {[]string{"create", "-n", "shop", "deployment/orders", "--target-port", ""}, []string{"50051", "grpc", "8080"}},
		"ports of no workload":      {[]string{"create", "-n", "shop", "--target-port", ""}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			typed := slices.Insert(slices.Clone(test.typed), 1, "--server", url)
			got, directive := completions(t, typed...)
			assert.Equal(t, test.want, got)
			assert.Equal(t, onlyWordsDirective, directive)
		})
	}
}

func TestCompletionFromTheKubeconfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(path, []byte(`
apiVersion: v1
kind: Config
clusters: [{name: production}]
users: [{name: carol}]
contexts: [{name: eu}, {name: asia}]
`), 0o600))
	for flag, want := range map[string][]string{"--context": {"asia", "eu"}, "--cluster": {"production"}, "--user": {"carol"}} {
		got, directive := completions(t, "status", "--kubeconfig", path, flag, "")
		assert.Equal(t, want, got)
		assert.Equal(t, onlyWordsDirective, directive)
	}
	got, _ := completions(t, "lint", "--kubeconfig", path, "--context", "")
	assert.Equal(t, []string{"asia", "eu"}, got, "lint has a --context of its own")
}

func TestCompletionOfChecks(t *testing.T) {
	got, directive := completions(t, "explain", "")
	assert.Len(t, got, 2*len(lint.All()), "IDs and names")
	assert.Equal(t, onlyWordsDirective, directive)

	got, directive = completions(t, "lint", "--checks", "GX1,-GX30")
	assert.Contains(t, got, "GX1,-GX301")
	assert.Contains(t, got, "GX1,-port-not-grpc")
	assert.Equal(t, onlyWordsDirective, directive)
}

// Every fixed word is one that the flag takes: the error for a wrong value lists them.
func TestCompletionOfFixedWords(t *testing.T) {
	for command, flags := range fixedWords {
		for flag, want := range flags {
			got, directive := completions(t, command, "--"+flag+"=")
			assert.Equal(t, want, got)
			assert.Equal(t, onlyWordsDirective, directive)

			arguments := []string{command, "--" + flag + "=no-such-value"}
			if command != "lint" && command != "version" {
				arguments = append(arguments, "deployment/server")
			}
			_, stderr, code := run(t, arguments...)
			assert.Equal(t, ExitFailed, code)
			for _, word := range want {
				assert.Contains(t, stderr, word, "%s --%s", command, flag)
			}
		}
	}
}

// Every flag is thought of: it has words, or takes a file, or nothing can be said.
func TestCompletionOfEveryFlag(t *testing.T) {
	streams, _, _ := report.FakeStreams("")
	root := NewCommand(streams)
	for _, command := range append(root.Commands(), root) {
		command.Flags().VisitAll(func(flag *pflag.Flag) {
			_, complete := command.GetFlagCompletionFunc(flag.Name)
			assert.NotEqual(t, complete, fileFlagNames[flag.Name], "%s --%s", command.Name(), flag.Name)
		})
	}
}

func TestCompletionIsSilentWithoutCluster(t *testing.T) {
	for _, arguments := range [][]string{{"create", ""}, {"lint", "-n", ""}, {"create", "--gateway", ""}, {"status", "--server", "http://127.0.0.1:1", ""}} {
		stdout, stderr, code := run(t, append([]string{cobra.ShellCompRequestCmd}, arguments...)...)
		assert.Equal(t, onlyWordsDirective+"\n", stdout)
		assert.Equal(t, "Completion ended with directive: ShellCompDirectiveNoFileComp\n", stderr, "cobra's own line, which no shell shows")
		assert.Equal(t, ExitFine, code)
	}
}

func TestCompletionDoesNotWait(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })

	started := time.Now()
	got, directive := completions(t, "create", "--server", server.URL, "")
	assert.Less(t, time.Since(started), time.Second)
	assert.Empty(t, got)
	assert.Equal(t, onlyWordsDirective, directive)
}

func TestCompletionScripts(t *testing.T) {
	for shell, sign := range map[string]string{
		"kubectl": "exec kubectl-grpcexpose __complete \"$@\" 2>/dev/null\n", "bash": "complete -o default -F __start_kubectl-grpcexpose kubectl-grpcexpose",
		"zsh": "#compdef kubectl-grpcexpose", "fish": "complete -c kubectl-grpcexpose", "powershell": "Register-ArgumentCompleter -CommandName 'kubectl-grpcexpose'",
	} {
		stdout, stderr, code := run(t, "completion", shell)
		assert.Contains(t, stdout, sign)
		assert.Empty(t, stderr)
		assert.Equal(t, ExitFine, code)
	}
	_, stderr, code := run(t, "completion", "tcsh")
	assert.Equal(t, "error: there is no completion for \"tcsh\": name kubectl, bash, zsh, fish or powershell\nSee 'kubectl grpcexpose completion --help'\n", stderr)
	assert.Equal(t, ExitFailed, code)
}
