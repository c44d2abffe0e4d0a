package dataplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/examples/helloworld/helloworld"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcexpose/kubectl-grpcexpose/test/dataplane/internal/server"
)

// patience is how long the mesh may take to come to terms with a change. It takes a second.
const patience = 30 * time.Second

// scene is a namespace with servers behind the gateway of the mesh. What is written "test" in objects and arguments is its
// namespace.
type scene struct {
	*testing.T
	*mesh
	namespace string
}

var scenes atomic.Int32

var wordTest = regexp.MustCompile(`\btest\b`)

// on begins a scene with a Deployment "server" of three pods, which goes when the test ends.
func on(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, mesh: theMesh(t), namespace: fmt.Sprintf("scene-%d", scenes.Add(1))}
	s.given("apiVersion: v1\nkind: Namespace\nmetadata: {name: test}")
	t.Cleanup(s.clear)
	s.given(deployment("server", serverContainer))
	s.kubectl("rollout", "status", "deployment/server", "--timeout=60s")
	return s
}

// deployment is one of three pods that serve on port 50051.
func deployment(name, container string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: test}
spec:
  replicas: 3
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      containers:
      - name: %[2]s
        image: example.com/server
        ports: [{containerPort: 50051}]
`, name, container)
}

// clear ends the scene, and waits until the gateway has nothing of it left.
func (s *scene) clear() {
	ctx := context.Background()
	_, err := s.Kubectl(ctx, "delete", "virtualservices,gateways.networking.istio.io,deployments,services", "--all", "-n", s.namespace)
	assert.NoError(s, err)
	_, err = s.Kubectl(ctx, "delete", "namespace", s.namespace, "--wait=false")
	assert.NoError(s, err)
	s.gatewayForgets()
}

func (s *scene) own(text string) string { return wordTest.ReplaceAllString(text, s.namespace) }

// given applies objects.
func (s *scene) given(objects string) {
	s.Helper()
	require.NoError(s, s.Apply(s.Context(), s.own(objects)))
}

// kubectl runs kubectl in the scene's namespace.
func (s *scene) kubectl(arguments ...string) string {
	s.Helper()
	// Repairs are made after the test's own end, too.
	printed, err := s.Kubectl(context.WithoutCancel(s.Context()), append([]string{"-n", s.namespace}, arguments...)...)
	require.NoError(s, err)
	return printed
}

// patch changes an object by a JSON patch.
func (s *scene) patch(object, patch string) {
	s.Helper()
	s.kubectl("patch", object, "--type=json", "-p", s.own(patch))
}

// outcome is what a run of the plugin gave.
type outcome struct {
	scene          *scene
	stdout, stderr string
	code           int
}

// run runs the plugin in the scene's namespace.
func (s *scene) run(arguments ...string) outcome {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 2*time.Minute)
	defer cancel()
	for i := range arguments {
		arguments[i] = s.own(arguments[i])
	}
	command := exec.CommandContext(ctx, os.Getenv(pluginVariable), append(arguments, "-n", s.namespace)...)
	command.Env = []string{"KUBECONFIG=" + s.Kubeconfig, "HOME=" + s.TempDir(), "PATH=" + os.Getenv("PATH")}
	var stdout, stderr strings.Builder
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(s, err)
	}
	return outcome{s, stdout.String(), stderr.String(), command.ProcessState.ExitCode()}
}

// exits requires the exit code.
func (o outcome) exits(code int) outcome {
	o.scene.Helper()
	require.Equal(o.scene, code, o.code, "stdout:\n%s\nstderr:\n%s", o.stdout, o.stderr)
	return o
}

// create exposes the server as the recipe does, and awaits that calls arrive.
func (s *scene) create(flags ...string) {
	s.Helper()
	s.run(append([]string{"create", "deployment/server", "--port", "8000", "--target-port", "50051"}, flags...)...).exits(0)
}

// verification is what verify says as JSON.
type verification struct {
	Verdict     string
	Address     string
	Call        string
	Calls       int
	Failed      int
	Connections int
	Seconds     float64
	Pods        []struct {
		Name  string
		Ready bool
		Calls int
	}
	CountedBy string
	Failures  []struct{ Code, Message, Meaning string }
	Notes     []string
	Findings  []struct{ ID, Level, Symptom string }
	Compared  *verification
}

// verify runs verify and requires the exit code.
func (s *scene) verify(code int, flags ...string) verification {
	s.Helper()
	got := s.run(append([]string{"verify", "deployment/server", "-o", "json"}, flags...)...).exits(code)
	var said verification
	require.NoError(s, json.Unmarshal([]byte(got.stdout), &said), got.stdout)
	return said
}

// verified waits until verify gives the verdict: what has just been changed reaches the gateway a moment later.
func (s *scene) verified(verdict string, flags ...string) verification {
	s.Helper()
	var said verification
	require.EventuallyWithT(s, func(c *assert.CollectT) {
		got := s.run(append([]string{"verify", "deployment/server", "-o", "json"}, flags...)...)
		said = verification{}
		require.NoError(c, json.Unmarshal([]byte(got.stdout), &said), got.stderr)
		require.Equal(c, verdict, said.Verdict, got.stdout)
	}, patience, 300*time.Millisecond)
	return said
}

// dial connects to a port of the gateway. config is nil for plaintext.
func (s *scene) dial(port int, options ...grpc.DialOption) *grpc.ClientConn {
	s.Helper()
	options = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, options...)
	connection, err := grpc.NewClient(fmt.Sprintf("passthrough:///%s:%d", s.GatewayAddress, port), options...)
	require.NoError(s, err)
	s.Cleanup(func() { _ = connection.Close() })
	return connection
}

func over(transport credentials.TransportCredentials) grpc.DialOption {
	return grpc.WithTransportCredentials(transport)
}

// callTimeout bounds single calls.
const callTimeout = 5 * time.Second

// greet makes a call and gives the pod that answers.
func greet(ctx context.Context, connection *grpc.ClientConn) (pod string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	reply, err := helloworld.NewGreeterClient(connection).SayHello(ctx, &helloworld.HelloRequest{Name: "x"})
	return reply.GetMessage(), err
}

// greets waits until a call gives the code.
func (s *scene) greets(code codes.Code, connection *grpc.ClientConn) {
	s.Helper()
	require.EventuallyWithT(s, func(c *assert.CollectT) {
		_, err := greet(s.Context(), connection)
		require.Equal(c, code, status.Code(err), "%v", err)
	}, patience, 100*time.Millisecond)
}

// podOf is the name of the pod that a response came from.
func podOf(header metadata.MD) string { return strings.Join(header.Get(server.PodHeader), " ") }

// podsServing are the pods that answer calls over a connection.
func (s *scene) podsServing(connection *grpc.ClientConn, calls int) map[string]int {
	s.Helper()
	pods := map[string]int{}
	for range calls {
		pod, err := greet(s.Context(), connection)
		require.NoError(s, err)
		pods[pod]++
	}
	return pods
}
