package dataplane

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authentication "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/grpcexpose/kubectl-grpcexpose/test/dataplane/internal/envoy"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack"
)

const (
	gatewayNamespace = "istio-system"
	gatewayService   = "istio-ingressgateway"
	gatewayLabel     = "istio=ingressgateway"
	// startTimeout is for a stack whose programs are built.
	startTimeout = 5 * time.Minute
)

// mesh is the stack of all tests, with a gateway and servers that are real.
type mesh struct {
	*stack.Stack
	client     kubernetes.Interface
	gatewayPod string
	// gatewayAdmin is the URL of its Envoy's admin interface.
	gatewayAdmin string
	servers      *servers
	stops        []func()
}

var (
	startMesh = sync.OnceValues(launchMesh)
	running   *mesh
)

// theMesh is the mesh, started when the first test asks. Tests run one after the other: they share the gateway.
func theMesh(t *testing.T) *mesh {
	t.Helper()
	m, err := startMesh()
	require.NoError(t, err)
	return m
}

func launchMesh() (*mesh, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	m := &mesh{}
	running = m
	var err error
	if m.Stack, err = stack.Start(ctx, options); err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", m.Kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	if m.client, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if err := m.startGateway(ctx); err != nil {
		return nil, fmt.Errorf("start the gateway: %w", err)
	}
	m.servers = newServers(m.Stack, m.client)
	m.stops = append(m.stops, m.servers.stop)
	return m, nil
}

// startGateway runs Envoy in the place of the ingress gateway's pod.
func (m *mesh) startGateway(ctx context.Context) error {
	pods, err := m.client.CoreV1().Pods(gatewayNamespace).List(ctx, metav1.ListOptions{LabelSelector: gatewayLabel})
	if err != nil {
		return err
	}
	if len(pods.Items) != 1 {
		return fmt.Errorf("there are %d pods, not one", len(pods.Items))
	}
	pod := pods.Items[0]
	m.gatewayPod = pod.Name
	request := &authentication.TokenRequest{Spec: authentication.TokenRequestSpec{Audiences: []string{"istio-ca"}}}
	token, err := m.client.CoreV1().ServiceAccounts(gatewayNamespace).CreateToken(ctx, pod.Spec.ServiceAccountName, request, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	root, err := m.client.CoreV1().ConfigMaps(gatewayNamespace).Get(ctx, "istio-ca-root-cert", metav1.GetOptions{})
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "grpcexpose-gateway-")
	if err != nil {
		return err
	}
	m.stops = append(m.stops, func() { _ = os.RemoveAll(folder) })
	stop, err := envoy.Start(ctx, os.Getenv(envoy.Variable), envoy.Gateway{
		Pod: pod.Name, Namespace: gatewayNamespace, Address: pod.Status.PodIP, Labels: pod.Labels,
		ServiceAccount: pod.Spec.ServiceAccountName, XDSAddress: m.SecureXDSAddress("default"),
		Token: token.Status.Token, RootCertificate: root.Data["root-cert.pem"], Folder: folder,
	})
	if err != nil {
		return err
	}
	m.stops = append(m.stops, stop)
	m.stops = append(m.stops, newBalancer(m.client, m.GatewayAddress, pod.Status.PodIP).stop)
	m.gatewayAdmin = fmt.Sprintf("http://%s:%d", pod.Status.PodIP, envoy.AdminPort)
	return m.ForwardPorts(ctx, gatewayNamespace, pod.Name, envoy.AdminPort, 8000, 8080, 8443)
}

func stopMesh() {
	if running == nil {
		return
	}
	for i := len(running.stops) - 1; i >= 0; i-- {
		running.stops[i]()
	}
	if running.Stack != nil {
		if err := running.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}
