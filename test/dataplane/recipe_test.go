package dataplane

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
)

// TestRecipe holds the promise: after create, the calls of one connection are spread over all pods, and those of a connection
// to the Service are not; and verify says so.
func TestRecipe(t *testing.T) {
	s := on(t)
	assert.Equal(t, "not exposed", s.verify(1).Verdict)
	got := s.run("create", "deployment/server", "--port", "8000", "--target-port", "50051", "--verify").exits(0)
	assert.Contains(t, got.stdout, "Deployment "+s.namespace+"/server: balanced per request")

	before := s.connections("0.0.0.0_8000")
	said := s.verify(0, "--requests", "300", "--compare")
	assert.Equal(t, 1, s.connections("0.0.0.0_8000")-before, "one connection, as the gateway counts them")
	assert.Equal(t, "balanced per request", said.Verdict)
	assert.Equal(t, "grpc.health.v1.Health/Check", said.Call)
	assert.Equal(t, 300, said.Calls)
	assert.Equal(t, 1, said.Connections)
	assert.Equal(t, "the proxies of Deployment istio-system/istio-ingressgateway", said.CountedBy)
	require.Len(t, said.Pods, 3)
	total := 0
	for _, pod := range said.Pods {
		assert.True(t, pod.Ready)
		assert.Positive(t, pod.Calls)
		total += pod.Calls
	}
	assert.Equal(t, 300, total)
	assert.Less(t, said.Seconds, 2.0)

	require.NotNil(t, said.Compared)
	assert.Equal(t, "balanced per connection", said.Compared.Verdict)
	assert.Equal(t, 1, said.Compared.Connections)

	// The same, as the servers themselves see it.
	assert.Len(t, s.podsServing(s.dial(8000), 300), 3)
	pods := s.podsServing(s.dialPod(), 300)
	assert.Len(t, pods, 1, "a plain connection stays on its pod")
}

// dialPod connects as a client of the Service's address does where its balancer works on connections: to one of the pods.
func (s *scene) dialPod() *grpc.ClientConn {
	s.Helper()
	address := s.kubectl("get", "pods", "-l", "app=server", "-o", "jsonpath={.items[0].status.podIP}")
	connection, err := grpc.NewClient("passthrough:///"+address+":50051", grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(s, err)
	s.Cleanup(func() { _ = connection.Close() })
	return connection
}

// TestVerifyCalls holds the ways to choose a call, and the ways to know who answers.
func TestVerifyCalls(t *testing.T) {
	s := on(t)
	s.create("--verify")
	said := s.verify(0, "--call", "helloworld.Greeter/SayHello", "-d", `{"name": "x"}`)
	assert.Equal(t, "helloworld.Greeter/SayHello", said.Call)
	assert.Equal(t, "balanced per request", said.Verdict)

	said = s.verify(1, "--call", "grpc.testing.TestService/UnimplementedCall")
	assert.Equal(t, "failing", said.Verdict)
	assert.Equal(t, "UNIMPLEMENTED", said.Failures[0].Code)

	s.run("verify", "deployment/server", "--call", "helloworld.Greeter/SayBye").exits(2)
	s.given(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: test-viewer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: User, name: viewer}]
`)
	s.Cleanup(func() { _, _ = s.Kubectl(s.Context(), "delete", "clusterrolebinding", s.namespace+"-viewer") })
	said = s.verify(0, "--as=viewer", "--address", s.GatewayAddress+":8000")
	assert.Equal(t, "answered", said.Verdict)
	assert.Empty(t, said.Pods)
	assert.Len(t, said.Notes, 1)
}

// TestVerifyWithoutAnAddress holds that the calls go through a port-forward to a gateway's pod where the gateway has no address,
// or none that takes a connection.
func TestVerifyWithoutAnAddress(t *testing.T) {
	s := on(t)
	s.create("--verify")
	status := `{"status": {"loadBalancer": {"ingress": [%s]}}}`
	set := func(ingress string) {
		_, err := s.Kubectl(t.Context(), "patch", "service", gatewayService, "-n", gatewayNamespace, "--subresource=status", "--type=merge",
			"-p", fmt.Sprintf(status, ingress))
		require.NoError(t, err)
	}
	defer set(fmt.Sprintf(`{"ip": %q}`, s.GatewayAddress))
	for ingress, note := range map[string]string{
		"":                      "",
		`{"ip": "127.255.0.1"}`: "127.255.0.1:8000 cannot be reached from here (dial tcp 127.255.0.1:8000: connect: connection refused): the calls went past it, to a pod of the gateway",
	} {
		set(ingress)
		said := s.verify(0)
		assert.Equal(t, "balanced per request", said.Verdict)
		assert.Equal(t, "port 8000 of Pod istio-system/"+s.gatewayPod+" by port-forward", said.Address)
		assert.Equal(t, note, strings.Join(said.Notes, "\n"))
	}
}

// TestStreaming holds that streams of all kinds work through the gateway.
func TestStreaming(t *testing.T) {
	s := on(t)
	s.create("--verify")
	client := grpc_testing.NewTestServiceClient(s.dial(8000))
	parameters := []*grpc_testing.ResponseParameters{{Size: 1000}, {Size: 2000, IntervalUs: 10_000}, {Size: 3000, IntervalUs: 10_000}}
	request := &grpc_testing.StreamingOutputCallRequest{ResponseParameters: parameters}

	download, err := client.StreamingOutputCall(t.Context(), request)
	require.NoError(t, err)
	assert.Equal(t, []int{1000, 2000, 3000}, sizes(t, download.Recv))

	upload, err := client.StreamingInputCall(t.Context())
	require.NoError(t, err)
	for range 5 {
		require.NoError(t, upload.Send(&grpc_testing.StreamingInputCallRequest{Payload: &grpc_testing.Payload{Body: make([]byte, 100_000)}}))
	}
	sum, err := upload.CloseAndRecv()
	require.NoError(t, err)
	assert.EqualValues(t, 500_000, sum.GetAggregatedPayloadSize())

	pods := map[string]bool{}
	for range 30 {
		both, err := client.FullDuplexCall(t.Context())
		require.NoError(t, err)
		require.NoError(t, both.Send(request))
		_, err = both.Recv()
		require.NoError(t, err, "answers come while the client still sends")
		require.NoError(t, both.Send(request))
		require.NoError(t, both.CloseSend())
		assert.Len(t, sizes(t, both.Recv), 5)
		header, err := both.Header()
		require.NoError(t, err)
		pods[podOf(header)] = true
	}
	assert.Len(t, pods, 3, "each stream is balanced")
}

// sizes are those of a stream's answers, to its end.
func sizes(t *testing.T, receive func() (*grpc_testing.StreamingOutputCallResponse, error)) []int {
	t.Helper()
	var list []int
	for {
		answer, err := receive()
		if errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err)
		list = append(list, len(answer.GetPayload().GetBody()))
	}
}

// TestSeveralServicesOnOneHost holds that create tells workloads on one host apart by their gRPC services.
func TestSeveralServicesOnOneHost(t *testing.T) {
	s := on(t)
	s.given(deployment("other", serverContainer))
	s.kubectl("rollout", "status", "deployment/other", "--timeout=60s")
	s.create("--grpc-service", "helloworld.Greeter")
	s.run("create", "deployment/other", "--port", "8000", "--target-port", "50051", "--grpc-service", "grpc.testing.TestService").exits(0)
	connection := s.dial(8000)
	s.greets(codes.OK, connection)
	for pod := range s.podsServing(connection, 50) {
		assert.Regexp(t, "^server-", pod)
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var header metadata.MD
		_, err := grpc_testing.NewTestServiceClient(connection).UnaryCall(t.Context(), &grpc_testing.SimpleRequest{}, grpc.Header(&header))
		require.NoError(c, err)
		assert.Regexp(c, "^other-", podOf(header))
	}, patience, 100*time.Millisecond)
	said := s.verify(0, "--call", "helloworld.Greeter/SayHello", "--proto", "greeter.proto", "--import-path", "testdata")
	assert.Equal(t, "balanced per request", said.Verdict)
}
