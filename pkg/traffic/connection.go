package traffic

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// connectTimeout bounds how long an address that does not answer keeps the first call waiting.
const connectTimeout = 5 * time.Second

// Connection carries all calls over one HTTP/2 connection at a time. It is made when the first call needs it.
type Connection struct {
	client  *grpc.ClientConn
	address string
	headers metadata.MD
	opened  atomic.Pointer[net.Conn]
	// current is the one that the calls go over.
	current atomic.Pointer[net.Conn]
	made    atomic.Int32
}

// maxAddresses is how many addresses are tried: the objects that list them may be anybody's.
const maxAddresses = 8

// Open makes a connection to the first of the addresses, host:port, that takes one. The error is that of the first address.
func Open(ctx context.Context, addresses []string) (connection net.Conn, address string, err error) {
	for _, address := range addresses[:min(len(addresses), maxAddresses)] {
		opened, failure := dialWithin(ctx, address)
		if failure == nil {
			return opened, address, nil
		}
		err = cmp.Or(err, failure)
	}
	return nil, "", err
}

func dialWithin(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := TimeShare(ctx, 8, connectTimeout)
	defer cancel()
	return dial(ctx, address)
}

func dial(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, "tcp", address)
}

// Connect prepares a connection; nothing is sent yet. The error is about an address that is none.
func Connect(target Target) (*Connection, error) {
	c := &Connection{headers: target.Headers, address: target.Address}
	if target.Opened != nil {
		c.opened.Store(&target.Opened)
	}
	transport := insecure.NewCredentials()
	if target.TLS != nil {
		transport = credentials.NewTLS(target.TLS)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithContextDialer(c.dial),
		// No settings of the other side's, no retries: each call is one request, whose outcome is shown.
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithIdleTimeout(0),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: connectTimeout}),
		grpc.WithUserAgent("kubectl-grpcexpose"),
		grpc.WithMaxHeaderListSize(maxHeaders),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
	}
	if target.Authority != "" {
		options = append(options, grpc.WithAuthority(target.Authority))
	}
	// passthrough: one address, so one connection, whatever a name resolves to.
	client, err := grpc.NewClient("passthrough:///"+target.Address, options...)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be called: %w", target.Address, err)
	}
	c.client = client
	return c, nil
}

func (c *Connection) dial(ctx context.Context, address string) (net.Conn, error) {
	if opened := c.opened.Swap(nil); opened != nil {
		c.current.Store(opened)
		c.made.Add(1)
		return *opened, nil
	}
	connection, err := dial(ctx, address)
	if err == nil {
		c.current.Store(&connection)
		c.made.Add(1)
	}
	return connection, err
}

// Made is how many connections there have been: one, unless the other side has closed it in between.
func (c *Connection) Made() int { return int(c.made.Load()) }

// Close ends the connection. One whose other side reads nothing cannot be ended in HTTP/2's way, and is cut.
// Source: google.golang.org/grpc/internal/transport/http2_client.go (Close waits 5 s for its GOAWAY to be written).
func (c *Connection) Close() {
	if unused := c.opened.Swap(nil); unused != nil {
		_ = (*unused).Close()
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = c.client.Close()
	}()
	select {
	case <-closed:
	case <-time.After(closeTime):
	}
	if current := c.current.Load(); current != nil {
		_ = (*current).Close()
	}
}

// withHeaders adds what the user's own call carries.
func (c *Connection) withHeaders(ctx context.Context) context.Context {
	if len(c.headers) == 0 {
		return ctx
	}
	return metadata.NewOutgoingContext(ctx, c.headers)
}

// invoke makes one unary call. Its error is a gRPC status.
func (c *Connection) invoke(ctx context.Context, method string, request []byte) error {
	var response []byte
	return c.client.Invoke(ctx, method, request, &response, grpc.ForceCodec(bytesCodec{}))
}

// bytesCodec sends messages that are encoded already, and leaves answers encoded: what they say does not matter here.
type bytesCodec struct{}

func (bytesCodec) Marshal(message any) ([]byte, error) {
	encoded, ok := message.([]byte)
	if !ok {
		return nil, fmt.Errorf("a message to send is %T", message)
	}
	return encoded, nil
}

func (bytesCodec) Unmarshal(encoded []byte, message any) error {
	into, ok := message.(*[]byte)
	if !ok {
		return fmt.Errorf("a message to receive is %T", message)
	}
	*into = encoded
	return nil
}

func (bytesCodec) Name() string { return "proto" }
