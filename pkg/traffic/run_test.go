package traffic

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// server is a gRPC server that notes what it sees.
type server struct {
	mutex       sync.Mutex
	connections int
	calls       int
	last        metadata.MD
	all         []metadata.MD
	atOnce, now int
	answer      func(call int) error
}

func (s *server) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC notes the headers of every call, also of those to services that are not there.
func (s *server) HandleRPC(_ context.Context, event stats.RPCStats) {
	if header, ok := event.(*stats.InHeader); ok {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.all = append(s.all, header.Header)
	}
}

// headers are the values of a header in all calls so far.
func (s *server) headers(name string) (values []string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, each := range s.all {
		values = append(values, each.Get(name)...)
	}
	return values
}

func (s *server) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}

func (s *server) HandleConn(_ context.Context, event stats.ConnStats) {
	if _, begins := event.(*stats.ConnBegin); begins {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.connections++
	}
}

func (s *server) intercept(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	s.mutex.Lock()
	s.calls++
	s.now++
	s.atOnce = max(s.atOnce, s.now)
	s.last, _ = metadata.FromIncomingContext(ctx)
	call, answer := s.calls, s.answer
	s.mutex.Unlock()
	defer func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.now--
	}()
	if answer != nil {
		if err := answer(call); err != nil {
			return nil, err
		}
	}
	return handler(ctx, request)
}

// serve starts a server with these services, and connects to it.
func serve(t *testing.T, register ...func(*grpc.Server)) (*server, *Connection) {
	t.Helper()
	s := &server{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := grpc.NewServer(grpc.StatsHandler(s), grpc.UnaryInterceptor(s.intercept))
	for _, service := range register {
		service(served)
	}
	go func() { _ = served.Serve(listener) }()
	t.Cleanup(served.Stop)
	connection, err := Connect(Target{Address: listener.Addr().String(), Authority: "grpc.example.com", Headers: metadata.Pairs("x-who", "me")})
	require.NoError(t, err)
	t.Cleanup(connection.Close)
	return s, connection
}

func withHealth(s *grpc.Server)     { healthv1.RegisterHealthServer(s, health.NewServer()) }
func withReflection(s *grpc.Server) { reflection.RegisterV1(s) }

// withOldReflection has only the version before the first.
func withOldReflection(s *grpc.Server) {
	reflectionv1alpha.RegisterServerReflectionServer(s, reflection.NewServer(reflection.ServerOptions{Services: s}))
}

// TestOpen holds that an address that takes no connection is passed over, and that the calls use the one that was opened.
func TestOpen(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, nobody.Close())
	s, other := serve(t, withHealth)
	refused, served := nobody.Addr().String(), strings.TrimPrefix(other.client.Target(), "passthrough:///")
	_, _, err = Open(t.Context(), []string{refused, "127.0.0.1:none"})
	require.ErrorContains(t, err, refused)

	opened, address, err := Open(t.Context(), []string{refused, served})
	require.NoError(t, err)
	assert.Equal(t, served, address)
	connection, err := Connect(Target{Address: address, Opened: opened})
	require.NoError(t, err)
	t.Cleanup(connection.Close)
	assert.Equal(t, 10, Run(t.Context(), connection, healthCall(), tenCalls).Made)
	assert.Equal(t, 1, connection.Made())
	assert.Equal(t, 1, s.connections)
}

var tenCalls = Options{Requests: 10, Concurrency: 1, CallTimeout: 5 * time.Second}

func TestChoose(t *testing.T) {
	tests := map[string]struct {
		register   []func(*grpc.Server)
		call, note string
	}{
		"health":     {[]func(*grpc.Server){withHealth, withReflection}, "grpc.health.v1.Health/Check", ""},
		"reflection": {[]func(*grpc.Server){withReflection}, "grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "there is no health service"},
		"old reflection": {
			[]func(*grpc.Server){withOldReflection}, "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "there is no health service",
		},
		"neither": {
			nil, "grpc.health.v1.Health/Check", "neither a health service nor reflection answers; name a method of yours with --call",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, connection := serve(t, test.register...)
			call, err := Choose(t.Context(), connection, Wish{})
			require.NoError(t, err)
			assert.Equal(t, test.call, call.Name)
			assert.Equal(t, test.note, call.Note)
			result := Run(t.Context(), connection, call, tenCalls)
			assert.Equal(t, 10, result.Made)
			if test.register == nil {
				require.Len(t, result.Failures, 1)
				assert.Equal(t, codes.Unimplemented, result.Failures[0].Code)
				assert.Equal(t, 10, result.Failed())
			} else {
				assert.Empty(t, result.Failures)
			}
		})
	}
}

func TestOneConnectionCarriesAllCalls(t *testing.T) {
	served, connection := serve(t, withHealth)
	call, err := Choose(t.Context(), connection, Wish{})
	require.NoError(t, err)
	served.answer = func(int) error { time.Sleep(time.Millisecond); return nil }
	over := 0
	result := Run(t.Context(), connection, call, Options{Requests: 300, Concurrency: 20, CallTimeout: 5 * time.Second, Progress: func(n int) { over = n }})
	assert.Equal(t, 300, result.Made)
	assert.Zero(t, result.Failed())
	assert.Equal(t, 300, over)
	assert.Equal(t, 301, served.calls, "one more to see whether there is a health service")
	assert.Equal(t, 1, served.connections)
	assert.Equal(t, 1, connection.Made())
	assert.Greater(t, served.atOnce, 1)
	assert.LessOrEqual(t, served.atOnce, 20)
	assert.Empty(t, served.last.Get("x-who"), "headers are for the user's own call")
	assert.Equal(t, []string{"grpc.example.com"}, served.last.Get(":authority"))
	assert.IsNonDecreasing(t, result.Latencies)
	assert.Positive(t, result.Percentile(0.5))
}

const greeterProto = `syntax = "proto3";
package test;
import "google/protobuf/duration.proto";
message Question { string name = 1; google.protobuf.Duration wait = 2; }
message Answer {}
service Greeter {
  rpc Ask(Question) returns (Answer);
  rpc Listen(Question) returns (stream Answer);
}
`

func TestWishes(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "greeter.proto"), []byte(greeterProto), 0o644))
	files := func(method, data string) Wish {
		return Wish{Method: method, Data: data, ProtoFiles: []string{"greeter.proto"}, ImportPaths: []string{folder}}
	}
	tests := map[string]struct {
		wish    Wish
		problem string
	}{
		"by reflection":             {Wish{Method: "grpc.health.v1.Health/Check", Data: `{"service": ""}`}, ""},
		"by files":                  {files("test.Greeter/Ask", `{"name": "x", "wait": "1s"}`), ""},
		"without data":              {files("/test.Greeter/Ask", ""), ""},
		"no method":                 {Wish{Method: "Health"}, `"Health" is not a method: write package.Service/Method`},
		"unknown to the server":     {Wish{Method: "a.B/C"}, "a.B cannot be looked up by reflection: "},
		"unknown to the files":      {files("a.B/C", ""), "a.B is not declared in greeter.proto"},
		"unknown method":            {files("test.Greeter/Say", ""), "the service test.Greeter has no method Say; it has Ask, Listen"},
		"a message":                 {files("test.Question/Ask", ""), "test.Question is not a service"},
		"streaming":                 {files("test.Greeter/Listen", ""), "test.Greeter/Listen is a streaming method"},
		"data of another shape":     {files("test.Greeter/Ask", `{"nom": "x"}`), "the data is no test.Question: "},
		"files that are not there":  {Wish{Method: "a.B/C", ProtoFiles: []string{"missing.proto"}}, "the description cannot be read: "},
		"data that is not complete": {files("test.Greeter/Ask", `{"name"`), "the data is no test.Question: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, connection := serve(t, withHealth, withReflection)
			call, err := Choose(t.Context(), connection, test.wish)
			if test.problem != "" {
				assert.ErrorContains(t, err, test.problem)
				return
			}
			require.NoError(t, err)
			assert.NotEmpty(t, call.Name)
		})
	}
}

func TestWishWithoutReflection(t *testing.T) {
	_, connection := serve(t, withHealth)
	_, err := Choose(t.Context(), connection, Wish{Method: "a.B/C"})
	assert.EqualError(t, err, "the server does not offer reflection, or no route leads to it: describe the method with --proto FILE")
}

func TestFailuresAreCountedByCode(t *testing.T) {
	served, connection := serve(t, withHealth)
	served.answer = func(call int) error {
		switch call % 5 {
		case 0:
			return status.Error(codes.PermissionDenied, "RBAC: access denied")
		case 1, 2:
			return status.Errorf(codes.Unavailable, "call %d", call)
		default:
			return nil
		}
	}
	result := Run(t.Context(), connection, healthCall(), Options{Requests: 50, Concurrency: 1, CallTimeout: 5 * time.Second})
	assert.Equal(t, 50, result.Made)
	assert.Equal(t, 30, result.Failed())
	assert.Equal(t, []Failure{
		{Code: codes.Unavailable, Count: 20, Message: "call 1"},
		{Code: codes.PermissionDenied, Count: 10, Message: "RBAC: access denied"},
	}, result.Failures)
}

func TestARunWithoutHopeEndsEarly(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	connection, err := Connect(Target{Address: address})
	require.NoError(t, err)
	defer connection.Close()
	result := Run(t.Context(), connection, healthCall(), Options{Requests: 1000, Concurrency: 4, CallTimeout: 5 * time.Second})
	assert.Less(t, result.Made, 30)
	assert.GreaterOrEqual(t, result.Made, hopeless)
	require.Len(t, result.Failures, 1)
	assert.Equal(t, "nothing listens: the gateway has no listener on the port, or its Service does not open it", result.Failures[0].Meaning())
	assert.Zero(t, connection.Made())
	assert.Zero(t, result.Percentile(0.5))
}

func TestARunIsBoundedByTimeAndRate(t *testing.T) {
	_, connection := serve(t, withHealth)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	result := Run(ctx, connection, healthCall(), Options{Requests: 1000, Concurrency: 4, Rate: 50, CallTimeout: 5 * time.Second})
	assert.Greater(t, result.Made, 1)
	assert.LessOrEqual(t, result.Made, 20, "50 in a second")

	served, connection := serve(t, withHealth)
	served.answer = func(int) error { time.Sleep(200 * time.Millisecond); return nil }
	result = Run(t.Context(), connection, healthCall(), Options{Requests: 2, Concurrency: 2, CallTimeout: 20 * time.Millisecond})
	require.Len(t, result.Failures, 1)
	assert.Equal(t, Failure{Code: codes.DeadlineExceeded, Count: 2, Message: result.Failures[0].Message}, result.Failures[0])
}

func TestPercentile(t *testing.T) {
	result := Result{}
	for i := 1; i <= 200; i++ {
		result.Latencies = append(result.Latencies, time.Duration(i))
	}
	for share, latency := range map[float64]time.Duration{0.5: 100, 0.9: 180, 0.99: 198, 1: 200, 0.001: 1} {
		assert.Equal(t, latency, result.Percentile(share), share)
	}
}
