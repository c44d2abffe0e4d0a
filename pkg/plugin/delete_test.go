package plugin

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/internal/fakeapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
)

func TestDeleteOptions(t *testing.T) {
	tests := map[string]struct {
		arguments []string
		workload  mesh.Key
		dryRun    string
		problem   string
	}{
		"kind and name":    {[]string{"sts/server", "-n", "test"}, mesh.Key{Kind: mesh.KindStatefulSet, Namespace: "test", Name: "server"}, "none", ""},
		"name alone":       {[]string{"server"}, mesh.Key{Namespace: "default", Name: "server"}, "none", ""},
		"dry run":          {[]string{"server", "--dry-run=server"}, mesh.Key{Namespace: "default", Name: "server"}, "server", ""},
		"no name":          {nil, mesh.Key{}, "", "name the workload"},
		"force":            {[]string{"server", "--force", "--restart=namespace"}, mesh.Key{Namespace: "default", Name: "server"}, "none", ""},
		"all":              {[]string{"--all", "-n", "test"}, mesh.Key{Namespace: "test"}, "none", ""},
		"all everywhere":   {[]string{"--all", "-A"}, mesh.Key{}, "none", ""},
		"all and a name":   {[]string{"--all", "server"}, mesh.Key{}, "", "either --all or a workload"},
		"-A without all":   {[]string{"server", "-A"}, mesh.Key{}, "", "-A goes with --all"},
		"no such restart":  {[]string{"server", "--restart=x"}, mesh.Key{}, "", "--restart=x: must be one of"},
		"exit code alone":  {[]string{"server", "--exit-code"}, mesh.Key{}, "", "--exit-code goes with --dry-run"},
		"no such dry run":  {[]string{"server", "--dry-run=x"}, mesh.Key{}, "", "--dry-run=x: must be one of none, client, server"},
		"no such kind":     {[]string{"service/server"}, mesh.Key{}, "", `"service" is not a kind of workload`},
		"bad namespace":    {[]string{"server", "-n", "A"}, mesh.Key{}, "", `--namespace "A" is not a namespace's name`},
		"time that is not": {[]string{"server", "--timeout=-1s"}, mesh.Key{}, "", "--timeout=-1s: must be more than nothing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", "/nowhere")
			streams, _, _ := report.FakeStreams("")
			connection := newConnection()
			var got *deleteOptions
			command := newDeleteCommand(streams, newFactory(connection), func(_ context.Context, options *deleteOptions) error {
				got = options
				return nil
			})
			connection.addFlags(command.PersistentFlags())
			command.SilenceErrors, command.SilenceUsage = true, true
			command.SetArgs(test.arguments)
			err := command.Execute()
			if test.problem != "" {
				require.ErrorContains(t, err, test.problem)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.workload, got.workload)
			assert.Equal(t, test.dryRun, got.write.DryRun)
		})
	}
}

// TestDeleteFindsMarksOfWhatIsGone: a workload that was deleted by hand is found by what create left for it.
func TestDeleteFindsMarksOfWhatIsGone(t *testing.T) {
	manifests := corpus.Manifests(t, `
apiVersion: v1
kind: Service
metadata:
  name: server
  namespace: test
  labels: {app.kubernetes.io/managed-by: kubectl-grpcexpose}
  annotations: {grpcexpose/for: StatefulSet/test/server}
`)
	loaded := &cluster.Loaded{Snapshot: mesh.New(manifests.Objects, mesh.Options{Now: time.Now()})}
	undo, err := review.UndoOf(loaded, mesh.Key{Namespace: "test", Name: "server"}, removal.Options{}, plan.Manager)
	require.NoError(t, err)
	assert.True(t, undo.Gone)
	assert.Equal(t, []mesh.Key{{Kind: mesh.KindStatefulSet, Namespace: "test", Name: "server"}}, undo.Workloads)

	_, err = review.UndoOf(loaded, mesh.Key{Namespace: "test", Name: "other"}, removal.Options{}, plan.Manager)
	require.ErrorContains(t, err, `there is no namespace "test"`)
}

// "Nothing to undo" is said where everything was read that may carry a mark, and where the namespace is one.
func TestNothingToUndoIsKnown(t *testing.T) {
	everything := fakeapi.Everything()
	tests := map[string]struct {
		arguments []string
		grants    []fakeapi.Grant
		code      int
		want      string
	}{
		"all, read":          {[]string{"--all", "-A"}, everything, ExitFine, "The cluster: nothing to undo"},
		"all, unread":        {[]string{"--all", "-A"}, []fakeapi.Grant{}, ExitFailed, "nothing was written: what create did"},
		"all, dry run":       {[]string{"--all", "-A", "--dry-run"}, []fakeapi.Grant{}, ExitFailed, "list   services"},
		"all but elsewhere":  {[]string{"--all", "-A"}, fakeapi.Everything("test"), ExitFailed, "list   virtualservices"},
		"one, read":          {[]string{"--all", "-n", "test"}, everything, ExitFine, "Namespace test: nothing to undo"},
		"one that is no one": {[]string{"--all", "-n", "tset"}, everything, ExitFailed, `there is no namespace "tset"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := fakeapi.New(t, bareObjects(t)...)
			server.Grants = test.grants
			result := runOn(t, server, append([]string{"delete"}, test.arguments...)...)
			assert.Equal(t, test.code, result.code, result.all())
			assert.Contains(t, result.all(), test.want)
			assert.Empty(t, result.writes)
		})
	}
}

// What create did on an object that outlives the workloads is not said to be for none.
func TestDeleteAllOfWhatIsGone(t *testing.T) {
	opened := storedObjects(t, "gateway", `
apiVersion: v1
kind: Service
metadata:
  name: istio-ingressgateway
  namespace: istio-system
  annotations:
    grpcexpose/undo: '[{"path":["spec","ports","port=7200,protocol=TCP"],"old":null,"new":{"name":"grpc-7200","port":7200,"protocol":"TCP","targetPort":7200}}]'
spec:
  type: LoadBalancer
  selector: {app: istio-ingressgateway, istio: ingressgateway}
  ports: [{name: http2, port: 80, targetPort: 8080, protocol: TCP}, {name: grpc-7200, port: 7200, targetPort: 7200, protocol: TCP}]
`)
	result := runOn(t, fakeapi.New(t, planted(bareObjects(t), opened)...), "delete", "--all", "-A")
	assert.Equal(t, ExitFine, result.code, result.all())
	assert.Contains(t, result.all(), "Create did something for workloads that are gone. To undo it:")
	assert.Contains(t, result.all(), "remove port 7200")
	assert.Contains(t, result.all(), "Done: what create did for workloads that are gone is undone")
}
