package envoy

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/test/dataplane/internal/relay"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/netns"
)

// AdminPort is where Istio's proxies have Envoy's admin interface.
const AdminPort = 15000

// Gateway says whose configuration the proxy gets, and where from.
type Gateway struct {
	// Pod, Namespace, Address and Labels are those of the gateway's pod.
	Pod, Namespace, Address string
	Labels                  map[string]string
	ServiceAccount          string
	// XDSAddress is istiod's for proxies that authenticate, Token the one with which this one does, RootCertificate in PEM
	// the authority that signed istiod's certificate.
	XDSAddress, Token, RootCertificate string
	// Folder gets its configuration and log.
	Folder string
}

// heldVariable makes a program wait for its turn and then become the one that its arguments name.
const heldVariable = "DATAPLANE_HELD"

// Main is for the start of the program: it does nothing, unless this is an Envoy whose network is not ready yet.
func Main() {
	if os.Getenv(heldVariable) == "" {
		return
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
	err := syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// Start starts Envoy as the gateway, in a network of its pod's own, and returns when it has configuration. It ends when stop
// is called or the program that called Start ends.
func Start(ctx context.Context, program string, g Gateway) (stop func(), err error) {
	xds, err := g.serveXDS()
	if err != nil {
		return nil, err
	}
	bootstrap, err := json.MarshalIndent(g.bootstrap(), "", "  ")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(g.Folder, "envoy.json")
	if err := os.WriteFile(path, bootstrap, 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(g.Folder, "envoy.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command := exec.Command("/proc/self/exe", program, "--config-path", path, "--disable-hot-restart", "--concurrency", "1", "--log-level", "info")
	command.Env = append(os.Environ(), heldVariable+"=1")
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	turn, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	stop = func() {
		_ = command.Process.Kill()
		<-ended
		_ = xds.Close()
	}
	err = netns.JoinPod(command.Process.Pid, g.Address)
	if err == nil {
		_ = turn.Close()
		err = g.await(ctx, ended)
	}
	if err != nil {
		stop()
		said, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w; its log ends with\n%s", err, said[max(0, len(said)-3000):])
	}
	return stop, nil
}

// socket is where Envoy finds istiod: a file, because istiod listens on a loopback that is not the pod's.
func (g Gateway) socket() string { return filepath.Join(g.Folder, "xds.sock") }

func (g Gateway) serveXDS() (net.Listener, error) {
	listener, err := net.Listen("unix", g.socket())
	if err != nil {
		return nil, err
	}
	go relay.Serve(listener, func() (net.Conn, error) { return net.Dial("tcp", g.XDSAddress) })
	return listener, nil
}

// await returns when Envoy is initialized: it has got its first clusters and listeners.
func (g Gateway) await(ctx context.Context, ended <-chan struct{}) error {
	url := fmt.Sprintf("http://%s/ready", net.JoinHostPort(g.Address, fmt.Sprint(AdminPort)))
	for {
		response, err := http.Get(url)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("it answers %s", response.Status)
		}
		select {
		case <-ended:
			return fmt.Errorf("Envoy has ended")
		case <-ctx.Done():
			return fmt.Errorf("Envoy is not ready: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// bootstrap is what Istio's agent would write for the pod, without what only Istio's build of Envoy knows.
func (g Gateway) bootstrap() map[string]any {
	type object = map[string]any
	type list = []any
	address := func(host string, port int) object {
		return object{"socket_address": object{"address": host, "port_value": port}}
	}
	xds := func(cluster string) object {
		return object{
			"api_type": "GRPC", "transport_api_version": "V3",
			"grpc_services": list{object{
				"envoy_grpc":       object{"cluster_name": cluster},
				"initial_metadata": list{object{"key": "authorization", "value": "Bearer " + g.Token}},
			}},
		}
	}
	ads := object{"ads": object{}, "resource_api_version": "V3"}
	return object{
		"node": object{
			"id":      fmt.Sprintf("router~%s~%s.%s~%s.svc.cluster.local", g.Address, g.Pod, g.Namespace, g.Namespace),
			"cluster": "istio-ingressgateway." + g.Namespace,
			"metadata": object{
				"NAMESPACE": g.Namespace, "NAME": g.Pod, "LABELS": g.Labels, "SERVICE_ACCOUNT": g.ServiceAccount,
				"CLUSTER_ID": "Kubernetes", "MESH_ID": "cluster.local", "INSTANCE_IPS": g.Address, "ISTIO_VERSION": "1.31.0",
			},
		},
		"admin": object{"address": address(g.Address, AdminPort)},
		"dynamic_resources": object{
			"ads_config": xds("xds-grpc"), "cds_config": ads, "lds_config": ads,
		},
		"static_resources": object{"clusters": list{object{
			"name": "xds-grpc", "type": "STATIC", "connect_timeout": "1s",
			"typed_extension_protocol_options": object{
				"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": object{
					"@type":                "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
					"explicit_http_config": object{"http2_protocol_options": object{}},
				},
			},
			"transport_socket": object{
				"name": "envoy.transport_sockets.tls",
				"typed_config": object{
					"@type":              "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
					"sni":                "localhost",
					"common_tls_context": object{"validation_context": object{"trusted_ca": object{"inline_string": g.RootCertificate}}},
				},
			},
			"load_assignment": object{
				"cluster_name": "xds-grpc",
				"endpoints":    list{object{"lb_endpoints": list{object{"endpoint": object{"address": object{"pipe": object{"path": g.socket()}}}}}}},
			},
		}}},
	}
}
