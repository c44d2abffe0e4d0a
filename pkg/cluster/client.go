package cluster

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster/wire"
)

const (
	// DefaultFieldManager is who the API server is told owns the fields that this program sets.
	DefaultFieldManager = "kubectl-grpcexpose"

	// dialTimeout bounds how long an address that does not answer keeps the user waiting.
	dialTimeout = 5 * time.Second
	// readTimeout and writeTimeout bound one request; writes may wait for admission webhooks, each up to 30 s.
	readTimeout  = 30 * time.Second
	writeTimeout = 60 * time.Second
	// listTimeout bounds a list of everything; it is how long API servers work on a request.
	listTimeout = 60 * time.Second
	// retries is how often a request is sent again when the server says when to (429 or 5xx with Retry-After), or a GET's
	// connection breaks.
	retries = 4
	// parallelRequests is how many requests are under way at once. HTTP/2 carries them on one connection, and the server's
	// priority and fairness is what protects it, not this number.
	parallelRequests = 16

	protobufOrJSON = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
)

// Options is what a Client is told beside the connection.
type Options struct {
	// Version is the program's own, for the user agent; empty is fine.
	Version string
}

// Client speaks to one API server. It may be used by several goroutines at once.
type Client struct {
	rest   *rest.RESTClient
	config *rest.Config
	server string

	discovery sync.Mutex
	served    *Served
}

// New makes a Client without sending anything. It fails where the configuration cannot be used: a certificate file that
// is not there, an address that is no URL.
func New(config *rest.Config, options Options) (*Client, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1 // priority and fairness in the server bounds clients; a token bucket here only adds delay
	config.UserAgent = DefaultFieldManager + "/" + cmp.Or(options.Version, "unknown")
	config.WarningHandler = rest.NoWarnings{} // warnings reach the user as notes of the change they belong to
	config.NegotiatedSerializer = serializer.NewCodecFactory(wire.BuiltIn()).WithoutConversion()
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = protobufOrJSON
	if config.Dial == nil {
		config.Dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig cannot be used to reach %s: %w; check the context's cluster and user entries", config.Host, err)
	}
	return &Client{rest: client, config: config, server: serverName(client)}, nil
}

// serverName is without the user and password that the URL may have: messages never repeat them.
func serverName(client *rest.RESTClient) string {
	server := client.Get().AbsPath("/").URL()
	server.User = nil
	return strings.TrimSuffix(server.String(), "/")
}

// at points a request at a resource: at one object, or with an empty name at the collection, of one namespace or, with an
// empty namespace, of all.
func at(request *rest.Request, resource schema.GroupVersionResource, namespace, name string) *rest.Request {
	prefix := "/apis/" + resource.Group
	if resource.Group == "" {
		prefix = "/api"
	}
	request = request.AbsPath(prefix, resource.Version).Resource(resource.Resource).MaxRetries(retries)
	if namespace != "" {
		request = request.Namespace(namespace)
	}
	if name != "" {
		request = request.Name(name)
	}
	return request
}

func (c *Client) get(resource schema.GroupVersionResource, namespace, name string) *rest.Request {
	return at(c.rest.Get(), resource, namespace, name).Timeout(readTimeout)
}

// bytesOf is an answer as it came. Result.Raw gives no more than the status code of a failure; Result.Error decodes it.
func bytesOf(result rest.Result) ([]byte, error) {
	if err := result.Error(); err != nil {
		return nil, err
	}
	return result.Raw()
}

// inParallel calls work for 0 … count-1, several at once, and gives the first error; what has not begun by then is left out.
func inParallel(ctx context.Context, count int, work func(ctx context.Context, index int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	workqueue.ParallelizeUntil(ctx, parallelRequests, count, func(index int) {
		if err := work(ctx, index); err != nil {
			cancel(err)
		}
	})
	return context.Cause(ctx)
}
