package plugin

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/verify"
)

// runVerify parses a command line and gives the options that run would get.
func runVerify(t *testing.T, arguments ...string) (*verifyOptions, error) {
	t.Helper()
	t.Setenv("KUBECONFIG", "/nowhere")
	streams, _, _ := report.FakeStreams("")
	connection := newConnection()
	var got *verifyOptions
	command := newVerifyCommand(streams, newFactory(connection), func(_ context.Context, options *verifyOptions) error {
		got = options
		return nil
	})
	connection.addFlags(command.PersistentFlags())
	command.SilenceErrors, command.SilenceUsage = true, true
	command.SetArgs(arguments)
	err := command.Execute()
	return got, err
}

func TestVerifyOptions(t *testing.T) {
	options, err := runVerify(t, "deploy/server", "-n", "shop", "--requests", "50", "--concurrency=5", "--rate=20", "--timeout=10s", "--compare",
		"--call", "a.B/C", "-d", "{}", "--proto=b.proto", "--import-path=api", "--authority=x.example.com", "--header", "X-Who: me: you", "-o", "json",
		"--gateway-workload", "istio-system/public")
	require.NoError(t, err)
	assert.Equal(t, mesh.Key{Kind: mesh.KindDeployment, Namespace: "shop", Name: "server"}, options.workload)
	assert.Equal(t, "json", options.output)
	trial := options.trial
	assert.NotNil(t, trial.Config)
	trial.Config = nil
	assert.Equal(t, 10*time.Second, trial.Timeout)
	assert.True(t, trial.Compare)
	assert.Equal(t, "istio-system/public", trial.GatewayWorkload)
	assert.Nil(t, trial.TLS)
	assert.Equal(t, "x.example.com", trial.Authority)
	assert.Equal(t, metadata.MD{"x-who": {"me: you"}}, trial.Headers)
	assert.Equal(t, traffic.Wish{Method: "a.B/C", Data: "{}", ProtoFiles: []string{"b.proto"}, ImportPaths: []string{"api"}}, trial.Wish)
	assert.Equal(t, traffic.Options{Requests: 50, Concurrency: 5, Rate: 20, CallTimeout: 10 * time.Second}, trial.Run)
}

func TestVerifyRefuses(t *testing.T) {
	tests := map[string]struct {
		arguments []string
		problem   string
	}{
		"no workload":          {nil, "name the workload: TYPE/NAME, as deployment/server"},
		"no requests":          {[]string{"server", "--requests=0"}, "--requests=0: must be at least 1"},
		"no concurrency":       {[]string{"server", "--concurrency=0"}, "--concurrency=0: must be at least 1"},
		"negative rate":        {[]string{"server", "--rate=-1"}, "--rate=-1: must not be negative"},
		"no time":              {[]string{"server", "--timeout=0s"}, "--timeout=0s: must be more than nothing, as 1m"},
		"data without call":    {[]string{"server", "-d", "{}"}, "--data and --proto go with --call"},
		"imports alone":        {[]string{"server", "--call=a.B/C", "--import-path=x"}, "--import-path goes with --proto"},
		"address with no port": {[]string{"server", "--address=example.com"}, "--address=example.com: must be HOST:PORT"},
		"header of gRPC":       {[]string{"server", "--header=grpc-timeout: 1S"}, "--header: must be 'NAME: VALUE', and not one of gRPC's own"},
		"header of nothing":    {[]string{"server", "--header=x"}, "--header: must be 'NAME: VALUE', and not one of gRPC's own"},
		"plaintext TLS":        {[]string{"server", "--tls=false", "--cacert=x"}, "--tls=false does not go with certificates"},
		"missing authority":    {[]string{"server", "--cacert=/missing"}, "the certificate authority cannot be read: open /missing: no such file or directory"},
		"certificate alone":    {[]string{"server", "--cert=/missing"}, "a client's certificate and its key go together: name both files"},
		"plaintext, believing": {[]string{"server", "--tls=false", "--insecure-skip-verify"}, "--tls=false does not go with certificates"},
		"key alone":            {[]string{"server", "--key=/missing"}, "a client's certificate and its key go together: name both files"},
		"gateway's name alone": {
			[]string{"server", "--gateway-workload=public"},
			"--gateway-workload=public: must be NAMESPACE/NAME of the Deployment, StatefulSet or DaemonSet of a gateway's pods",
		},
		"output": {[]string{"server", "-o", "yaml"}, "--output=yaml: must be one of json"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := runVerify(t, test.arguments...)
			assert.EqualError(t, err, test.problem)
		})
	}
}

// TestVerifyTarget holds where the calls would go for meshes of the corpus.
func TestVerifyTarget(t *testing.T) {
	tests := []struct {
		name, namespace, workload string
		address, authority        string
		tls, broken               bool
	}{
		{"good-plain", "hello", "greeter", "203.0.113.10:8000", "greeter.example.com", false, false},
		{"good-https", "duo", "secure", "203.0.113.10:443", "secure.example.com", true, false},
		{"gx507-route-shadowed", "gate", "second", "203.0.113.10:8000", "", false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			snapshot := corpus.Mesh(t, test.name)
			workload, err := expose.FindWorkload(snapshot, "", test.namespace, test.workload)
			require.NoError(t, err)
			entrances := callpath.Entrances(snapshot, workload)
			require.NotEmpty(t, entrances)
			entrance := entrances[0]
			assert.Equal(t, []string{test.address}, entrance.Addresses)
			assert.Equal(t, test.authority, entrance.Authority)
			assert.Equal(t, test.broken, entrance.Broken)
			target := verify.DefaultTrial.Target(entrance, "127.0.0.1:1")
			assert.Equal(t, test.tls, target.TLS != nil)
		})
	}
}
