package plugin

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// runCreate parses a command line and gives the options that run would get.
func runCreate(t *testing.T, arguments ...string) (*createOptions, error) {
	t.Helper()
	t.Setenv("KUBECONFIG", "/nowhere")
	streams, _, _ := report.FakeStreams("")
	connection := newConnection()
	var got *createOptions
	command := newCreateCommand(streams, newFactory(connection), func(_ context.Context, options *createOptions) error {
		got = options
		return nil
	})
	connection.addFlags(command.PersistentFlags())
	command.SilenceErrors, command.SilenceUsage = true, true
	command.SetArgs(arguments)
	err := command.Execute()
	return got, err
}

func TestCreateOptions(t *testing.T) {
	plain := expose.Intent{
		Kind: mesh.KindDeployment, Namespace: "default", Name: "server",
		Inject: expose.InjectNamespace, Restart: remedy.RestartWorkload,
	}
	with := func(change func(*expose.Intent)) expose.Intent {
		intent := plain
		change(&intent)
		return intent
	}
	tests := map[string]struct {
		arguments []string
		want      expose.Intent
	}{
		"nothing but the workload": {[]string{"deployment/server"}, plain},
		"short kind":               {[]string{"deploy/server"}, plain},
		"kind and name apart":      {[]string{"deployments.apps", "server"}, plain},
		"no kind":                  {[]string{"server"}, with(func(i *expose.Intent) { i.Kind = "" })},
		"statefulset":              {[]string{"sts/server"}, with(func(i *expose.Intent) { i.Kind = mesh.KindStatefulSet })},
		"daemonset":                {[]string{"daemonset/server"}, with(func(i *expose.Intent) { i.Kind = mesh.KindDaemonSet })},
		"namespace":                {[]string{"deployment/server", "-n", "test"}, with(func(i *expose.Intent) { i.Namespace = "test" })},
		"ports by number": {
			[]string{"deployment/server", "--port", "8000", "--target-port", "50051"},
			with(func(i *expose.Intent) { i.Port, i.TargetPort = 8000, intstr.FromInt32(50051) }),
		},
		"target port by name": {
			[]string{"deployment/server", "--target-port", "grpc"},
			with(func(i *expose.Intent) { i.TargetPort = intstr.FromString("grpc") }),
		},
		"service": {
			[]string{"deployment/server", "--service", "api", "--port-fix", "app-protocol"},
			with(func(i *expose.Intent) { i.Service, i.PortFix = "api", expose.PortFixAppProtocol }),
		},
		"injection": {
			[]string{"deployment/server", "--inject", "workload", "--revision", "1-27", "--restart", "none"},
			with(func(i *expose.Intent) {
				i.Inject, i.Revision, i.Restart = expose.InjectWorkload, "1-27", remedy.RestartNone
			}),
		},
		"gateway": {
			[]string{"deployment/server", "--gateway", "istio-system/public", "--gateway-selector", "istio=edge,app=edge", "--gateway-workload", "edge/edge", "--open-gateway-port"},
			with(func(i *expose.Intent) {
				i.Gateway, i.OpenGatewayPort = "istio-system/public", true
				i.GatewaySelector = map[string]string{"istio": "edge", "app": "edge"}
				i.GatewayWorkload = "edge/edge"
			}),
		},
		"hosts and services": {
			[]string{"deployment/server", "--host", "a.example.com", "--host", "*.b.example.com", "--grpc-service", "shop.v1.Orders", "--grpc-service", "Echo"},
			with(func(i *expose.Intent) {
				i.Hosts, i.GRPCServices = []string{"a.example.com", "*.b.example.com"}, []string{"shop.v1.Orders", "Echo"}
			}),
		},
		"hosts and services twice": {
			[]string{"deployment/server", "--host", "a.example.com", "--host", "a.example.com", "--grpc-service", "Echo", "--grpc-service", "Echo"},
			with(func(i *expose.Intent) { i.Hosts, i.GRPCServices = []string{"a.example.com"}, []string{"Echo"} }),
		},
		"tls": {
			[]string{"deployment/server", "--tls-secret", "cert", "--tls-mutual"},
			with(func(i *expose.Intent) { i.TLSSecret, i.TLSMutual = "cert", true }),
		},
		"files": {
			[]string{"-f", "server.yaml"},
			with(func(i *expose.Intent) { i.Kind, i.Name, i.Offline = "", "", true }),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			options, err := runCreate(t, test.arguments...)
			require.NoError(t, err)
			assert.Equal(t, test.want, options.intent)
		})
	}
}

func TestCreateWriteOptions(t *testing.T) {
	plain := execution.Options{DryRun: "none", Wait: true, Timeout: 5 * time.Minute, FieldManager: "kubectl-grpcexpose"}
	with := func(change func(*execution.Options)) execution.Options {
		options := plain
		change(&options)
		return options
	}
	tests := map[string]struct {
		arguments []string
		want      execution.Options
	}{
		"default":         {nil, plain},
		"dry run alone":   {[]string{"--dry-run"}, with(func(o *execution.Options) { o.DryRun = "client" })},
		"dry run server":  {[]string{"--dry-run=server"}, with(func(o *execution.Options) { o.DryRun = "server" })},
		"output":          {[]string{"-o", "yaml"}, with(func(o *execution.Options) { o.Output = "yaml" })},
		"diff":            {[]string{"--diff"}, with(func(o *execution.Options) { o.Diff = true })},
		"waiting":         {[]string{"--wait=false", "--timeout", "90s"}, with(func(o *execution.Options) { o.Wait, o.Timeout = false, 90*time.Second })},
		"field manager":   {[]string{"--field-manager", "me"}, with(func(o *execution.Options) { o.FieldManager = "me" })},
		"force conflicts": {[]string{"--force-conflicts"}, with(func(o *execution.Options) { o.ForceConflicts = true })},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			options, err := runCreate(t, append([]string{"deployment/server"}, test.arguments...)...)
			require.NoError(t, err)
			assert.Equal(t, test.want, options.write)
		})
	}
}

func TestCreateRefusesFlags(t *testing.T) {
	tests := []struct {
		arguments []string
		want      string
	}{
		{nil, "name the workload: TYPE/NAME, as deployment/server"},
		{[]string{"deployment/server", "a", "b"}, "one workload at a time: a, b are too many"},
		{[]string{"a", "b"}, "one workload at a time: b is too many"},
		{[]string{"deployment/a", "deployment/b"}, "one workload at a time: deployment/b is too many"},
		{[]string{"deployment", "a", "b"}, "one workload at a time: a, b are too many"},
		{[]string{"pod", "server"}, `"pod" is not a kind of workload: use deployment, statefulset or daemonset`},
		{[]string{"pod/server"}, `"pod" is not a kind of workload: use deployment, statefulset or daemonset`},
		{[]string{"deployment/Server"}, `"Server" is not a workload's name: `},
		{[]string{"server", "--port", "0"}, "--port=0: must be between 1 and 65535"},
		{[]string{"server", "--port", "70000"}, "--port=70000: must be between 1 and 65535"},
		{[]string{"server", "--port", "-1"}, "--port=-1: must be between 1 and 65535"},
		{[]string{"server", "--port", "http"}, `invalid argument "http" for "--port" flag`},
		{[]string{"server", "--target-port", "0"}, "--target-port=0: must be between 1 and 65535, or a container port's name"},
		{[]string{"server", "--target-port", "not_a_name"}, "--target-port=not_a_name: neither a number nor a container port's name: "},
		{[]string{"server", "-n", "Bad_Name"}, `--namespace "Bad_Name" is not a namespace's name: `},
		{[]string{"server", "--service", "1a"}, "--service=1a is not a Service's name: "},
		{[]string{"server", "--port-fix", "guess"}, "--port-fix=guess: must be one of name, app-protocol"},
		{[]string{"server", "--inject", "pod"}, "--inject=pod: must be one of namespace, workload, none"},
		{[]string{"server", "--restart", "all"}, "--restart=all: must be one of workload, namespace, none"},
		{[]string{"server", "--revision", "a b"}, "--revision=a b is not a revision's name: "},
		{[]string{"server", "--gateway", "a/b/c"}, "--gateway=a/b/c: must be NAMESPACE/NAME, or the NAME of one beside the workload"},
		{
			[]string{"server", "--gateway-workload", "pods/edge/x"},
			"--gateway-workload=pods/edge/x: must be NAMESPACE/NAME of the Deployment, StatefulSet or DaemonSet of a gateway's pods",
		},
		{[]string{"server", "--gateway-selector", "istio"}, "--gateway-selector=istio: must be labels as KEY=VALUE, separated by commas"},
		{[]string{"server", "--host", "https://a.b"}, "--host=https://a.b: a host has no scheme, port or path; as grpc.example.com"},
		{[]string{"server", "--host", "a.b:8000"}, "--host=a.b:8000: a host has no scheme, port or path; as grpc.example.com"},
		{[]string{"server", "--host", "a_b"}, "--host=a_b is not a host name: "},
		{[]string{"server", "--host", "*b.c"}, "--host=*b.c is not a host name: "},
		{[]string{"server", "--grpc-service", "/shop.v1.Orders/"}, "--grpc-service=/shop.v1.Orders/: must be the full name of a gRPC service, as shop.v1.Orders"},
		{[]string{"server", "--tls-secret", "A"}, "--tls-secret=A is not a Secret's name: "},
		{[]string{"server", "--tls-mutual"}, "--tls-mutual goes with --tls-secret"},
		{[]string{"server", "--dry-run=maybe"}, "--dry-run=maybe: must be one of none, client, server"},
		{[]string{"server", "-o", "wide"}, "--output=wide: must be one of yaml, json, name, plan"},
		{[]string{"server", "-o", "yaml", "--diff"}, "either --diff or --output, not both"},
		{[]string{"server", "--exit-code"}, "--exit-code goes with --dry-run"},
		{[]string{"server", "--verify", "--dry-run"}, "--verify calls what has been exposed: not with --dry-run, --wait=false, --output or -f"},
		{[]string{"server", "--interactive"}, "--interactive needs a terminal to ask on"},
		{[]string{"-f", "a.yaml", "--interactive"}, "--interactive asks before anything is written, and with files nothing is"},
		{[]string{"server", "--interactive", "--dry-run"}, "either --interactive or --dry-run, not both"},
		{[]string{"server", "--timeout", "0s"}, "--timeout=0s: must be more than nothing, as 5m"},
		{[]string{"server", "--field-manager", ""}, `--field-manager="" is not a name for a field manager`},
		{[]string{"-f", "a.yaml", "-k", "dir"}, "either -f or -k, not both"},
		{[]string{"server", "-R"}, "--recursive goes with -f"},
		{[]string{"-f", "a.yaml", "--dry-run=server"}, "--dry-run=server needs a cluster, and files are read without one"},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			_, err := runCreate(t, test.arguments...)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// TestTypedLine: what users are told to type again leaves out what only showed.
func TestTypedLine(t *testing.T) {
	options, err := runCreate(t, "deployment/server", "-n", "test", "--port", "8000", "--host", "*.a.b", "--host", "c.d", "--tls-secret", "x", "--diff", "--wait=false")
	require.NoError(t, err)
	assert.Equal(t, "create deployment/server --host='*.a.b' --host=c.d --namespace=test --port=8000 --tls-secret=x --wait=false", options.command)
}
