package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// PortForwardPermission is the right that PortForward takes.
func PortForwardPermission(namespace string) Permission {
	return Permission{Verb: "create", Resource: "pods/portforward", Namespace: namespace}
}

// PortForward leads a port of the loopback interface to a port of a pod, through the API server, until it is closed. Every
// connection to the local port is one to the pod.
type PortForward struct {
	// Address is the local end, host:port.
	Address string

	stop  context.CancelFunc
	ended chan struct{}
}

// PortForward begins to forward, and returns when it works or ctx ends; the kubelet of a pod may be gone, so it takes no more
// than readTimeout. The connection is kubectl's: WebSocket, and where the server or something on the way does not know it, SPDY.
func (c *Client) PortForward(ctx context.Context, pod types.NamespacedName, port int32) (*PortForward, error) {
	asked := request{permission: PortForwardPermission(pod.Namespace), object: "a port-forward to " + podName(pod), limit: readTimeout}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	dialer, err := c.podDialer(pod)
	if err != nil {
		return nil, fmt.Errorf("no port can be forwarded to %s: %w", podName(pod), err)
	}
	// It lives until Close, not only as long as the caller waits for it. What becomes of single connections their users see.
	life, stop := context.WithCancel(klog.NewContext(context.WithoutCancel(ctx), logr.Discard()))
	forward := &PortForward{stop: stop, ended: make(chan struct{})}
	ready, failed := make(chan struct{}), make(chan error, 1)
	forwarder, err := portforward.NewOnAddressesForStreamingWithContext(life, dialer, []string{"127.0.0.1"}, []string{"0:" + strconv.Itoa(int(port))}, ready, io.Discard, io.Discard)
	if err != nil {
		stop()
		return nil, fmt.Errorf("no port can be forwarded to %s: %w", podName(pod), err)
	}
	go func() {
		defer close(forward.ended)
		failed <- forwarder.ForwardPorts()
	}()
	select {
	case <-ctx.Done():
		stop()
		return nil, c.failure(ctx, asked, ctx.Err())
	case err := <-failed:
		stop()
		return nil, fmt.Errorf("no port can be forwarded to %s: %w", podName(pod), ended(err))
	case <-ready:
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		forward.Close()
		return nil, fmt.Errorf("no port can be forwarded to %s: %w", podName(pod), err)
	}
	forward.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(int(ports[0].Local)))
	return forward, nil
}

// ended gives an error where forwarding has ended without any.
func ended(err error) error {
	if err == nil {
		return errors.New("the API server has ended it")
	}
	return err
}

// closeTimeout is how long the end of a port-forward is waited for: the connection to the API server may hang.
const closeTimeout = 100 * time.Millisecond

// Close ends the forwarding and its connections.
func (f *PortForward) Close() {
	f.stop()
	select {
	case <-f.ended:
	case <-time.After(closeTimeout):
	}
}

func (c *Client) podDialer(pod types.NamespacedName) (httpstream.Dialer, error) {
	target := c.podURL(pod, "portforward")
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, target)
	tunnel, err := portforward.NewSPDYOverWebsocketDialerForStreaming(target, c.config)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialerForStreaming(tunnel, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}

func (c *Client) podURL(pod types.NamespacedName, subresource string) *url.URL {
	return at(c.rest.Post(), mesh.KindPod.Info().GroupVersionResource(), pod.Namespace, pod.Name).SubResource(subresource).URL()
}

func podName(pod types.NamespacedName) string {
	return mesh.Key{Kind: mesh.KindPod, Namespace: pod.Namespace, Name: pod.Name}.String()
}
