package cluster

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

func TestStatusFailure(t *testing.T) {
	c := &Client{server: "https://example:6443"}
	r := requestFor("patch", mesh.KindService, types.NamespacedName{Namespace: "test", Name: "server"})
	details := &metav1.StatusDetails{Kind: "services", Name: "server"}
	for name, test := range map[string]struct {
		status metav1.Status
		want   string
	}{
		"unknown user": {
			metav1.Status{Reason: metav1.StatusReasonUnauthorized, Message: "Unauthorized"},
			"the API server at https://example:6443 does not accept the kubeconfig's credentials (Unauthorized); log in again, or choose another user or context",
		},
		"not allowed": {
			metav1.Status{Reason: metav1.StatusReasonForbidden, Message: `services "server" is forbidden: User "carol" cannot patch resource "services" in API group "" in the namespace "test"`},
			"you may not patch services/server in namespace test; ask an administrator for a Role that allows it",
		},
		"not allowed to create by apply": {
			metav1.Status{Reason: metav1.StatusReasonForbidden, Message: `services "server" is forbidden: User "carol" cannot create resource "services" in API group "" in the namespace "test"`},
			"you may not create services in namespace test; ask an administrator for a Role that allows it",
		},
		"an admission plugin of the server": {
			metav1.Status{Reason: metav1.StatusReasonForbidden, Message: `services "server" is forbidden: unable to create new content in namespace test because it is being terminated`},
			"Service test/server is refused by the API server: unable to create new content in namespace test because it is being terminated",
		},
		"a webhook": {
			metav1.Status{Reason: metav1.StatusReasonBadRequest, Message: "admission webhook \"validation.istio.io\" denied the request: configuration is invalid: 2 errors occurred:\n\t* port out of range\n\t* no hosts\n\n"},
			"Service test/server is refused by admission webhook validation.istio.io: configuration is invalid: 2 errors occurred: port out of range; no hosts",
		},
		"a webhook that knows no dry run": {
			metav1.Status{Reason: metav1.StatusReasonBadRequest, Message: `admission webhook "w.example.com" does not support dry run`},
			"Service test/server is refused by admission webhook w.example.com: it does not support dry run",
		},
		"a webhook that is down": {
			metav1.Status{Reason: metav1.StatusReasonInternalError, Message: `Internal error occurred: failed calling webhook "validation.istio.io": failed to call webhook: Post "https://istiod.istio-system.svc:443/validate?timeout=10s": dial tcp 10.96.0.1:443: connect: connection refused`},
			"Service test/server: admission webhook validation.istio.io does not answer (dial tcp 10.96.0.1:443: connect: connection refused); nothing that it guards can be changed until it does",
		},
		"an admission policy": {
			metav1.Status{Reason: metav1.StatusReasonInvalid, Message: `services "server" is forbidden: ValidatingAdmissionPolicy 'names' with binding 'all' denied request: ports need names`},
			"Service test/server is refused by ValidatingAdmissionPolicy names: ports need names",
		},
		"quota": {
			metav1.Status{Reason: metav1.StatusReasonForbidden, Message: `services "server" is forbidden: exceeded quota: small, requested: services=1, used: services=5, limited: services=5`},
			"Service test/server: ResourceQuota small leaves no room for it (requested: services=1, used: services=5, limited: services=5); raise the quota or free some of it",
		},
		"invalid": {
			metav1.Status{Reason: metav1.StatusReasonInvalid, Message: "Service is invalid", Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Field: "spec.ports[0].port", Message: "must be at most 65535"}}}},
			"Service test/server is not valid: spec.ports[0].port: must be at most 65535",
		},
		"a patch that does not fit": {
			metav1.Status{Reason: metav1.StatusReasonInvalid, Message: "the server rejected our request due to an error in our request", Details: &metav1.StatusDetails{}},
			"Service test/server was changed by someone else after it was read (its fields are no longer as they were); run the command again",
		},
		"not there": {
			metav1.Status{Reason: metav1.StatusReasonNotFound, Message: `services "server" not found`, Details: details},
			"Service test/server does not exist; check its name, its namespace and the kubeconfig context",
		},
		"no namespace": {
			metav1.Status{Reason: metav1.StatusReasonNotFound, Message: `namespaces "test" not found`, Details: &metav1.StatusDetails{Kind: "namespaces", Name: "test"}},
			"Namespace test does not exist; check its name, its namespace and the kubeconfig context",
		},
		"a namespace that is being deleted": {
			metav1.Status{
				Reason: metav1.StatusReasonForbidden, Message: `services "server" is forbidden: unable to create new content in namespace test because it is being terminated`,
				Details: &metav1.StatusDetails{Name: "server", Causes: []metav1.StatusCause{{Type: "NamespaceTerminating", Message: "namespace test is being terminated"}}},
			},
			"Service test/server cannot be written: namespace test is being deleted; run the command again once the namespace exists again",
		},
		"too much to do": {
			metav1.Status{Reason: metav1.StatusReasonTooManyRequests, Message: "slow down"},
			"the API server at https://example:6443 failed while changing Service test/server: it has too many requests; try again in a moment",
		},
		"etcd": {
			metav1.Status{Reason: metav1.StatusReasonInternalError, Message: "etcdserver: leader changed"},
			"the API server at https://example:6443 failed while changing Service test/server: etcdserver: leader changed; try again in a moment",
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.EqualError(t, c.statusFailure(r, test.status), test.want)
		})
	}
}

func TestFailureOfAList(t *testing.T) {
	c := &Client{server: "https://example:6443"}
	r := request{permission: Permission{Verb: "list", Group: "networking.istio.io", Resource: "gateways"}}
	err := c.statusFailure(r, metav1.Status{Reason: metav1.StatusReasonNotFound, Message: "the server could not find the requested resource"})
	assert.EqualError(t, err, "the cluster has no CRD gateways.networking.istio.io; install what brings it (for Istio: istioctl install, or the base chart)")
	assert.Equal(t, "listing gateways.networking.istio.io in all namespaces", r.doing())
}

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := listener.Addr().String()
	require.NoError(t, listener.Close())
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()

	for name, test := range map[string]struct {
		host, want string
	}{
		"nobody listens": {"https://" + closed, "connection refused; check that the cluster runs and that the kubeconfig context is the right one"},
		"unknown authority": {secure.URL, "tls: failed to verify certificate: x509: certificate signed by unknown authority; " +
			"check certificate-authority in the kubeconfig's cluster entry"},
		"no TLS spoken": {strings.Replace(secure.URL, "https", "http", 1), "it speaks HTTPS; write https:// in the kubeconfig's cluster entry"},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := New(&rest.Config{Host: test.host}, Options{})
			require.NoError(t, err)
			_, err = client.Load(t.Context(), LoadRequest{Kinds: map[mesh.Kind][]string{mesh.KindService: nil, mesh.KindPod: nil}})
			assert.EqualError(t, err, "the API server at "+test.host+" cannot be reached: "+test.want)
			_, ok := errors.AsType[*Unreachable](err)
			assert.True(t, ok)
		})
	}
}

func TestContextEnds(t *testing.T) {
	f := newFakeServer(t)
	release := make(chan struct{})
	f.on("GET /apis", func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := f.client.Discover(ctx)
	assert.EqualError(t, err, "the time limit was reached while reading /apis")

	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = f.client.Discover(ctx)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestNewSaysWhatIsWrongWithTheConfiguration(t *testing.T) {
	_, err := New(&rest.Config{Host: "https://example:6443", TLSClientConfig: rest.TLSClientConfig{CAFile: "nosuch.crt"}}, Options{})
	assert.EqualError(t, err, "the kubeconfig cannot be used to reach https://example:6443: open nosuch.crt: no such file or directory; check the context's cluster and user entries")
}
