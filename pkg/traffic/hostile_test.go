package traffic

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
)

// atOnce is how long what is interrupted may go on.
const atOnce = 200 * time.Millisecond

// reflecting answers questions about files as it likes.
type reflecting struct {
	reflectionv1.UnimplementedServerReflectionServer
	files func(path string) [][]byte
}

func (r *reflecting) ServerReflectionInfo(stream reflectionv1.ServerReflection_ServerReflectionInfoServer) error {
	for {
		question, err := stream.Recv()
		if err != nil {
			return err
		}
		files := r.files(question.GetFileByFilename())
		if files == nil {
			<-stream.Context().Done()
			return stream.Context().Err()
		}
		err = stream.Send(&reflectionv1.ServerReflectionResponse{MessageResponse: &reflectionv1.ServerReflectionResponse_FileDescriptorResponse{
			FileDescriptorResponse: &reflectionv1.FileDescriptorResponse{FileDescriptorProto: files},
		}})
		if err != nil {
			return err
		}
	}
}

func withFiles(files func(path string) [][]byte) func(*grpc.Server) {
	return func(s *grpc.Server) { reflectionv1.RegisterServerReflectionServer(s, &reflecting{files: files}) }
}

func encoded(t *testing.T, file *descriptorpb.FileDescriptorProto) []byte {
	t.Helper()
	text, err := proto.Marshal(file)
	require.NoError(t, err)
	return text
}

// field is a length-delimited field.
func field(number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}

// endless imports one more file in each.
func endless(t *testing.T, padding int) func(path string) [][]byte {
	return func(path string) [][]byte {
		file := encoded(t, &descriptorpb.FileDescriptorProto{Name: proto.String(path), Dependency: []string{path + "x"}})
		return [][]byte{append(file, field(5000, make([]byte, padding))...)}
	}
}

// TestReflectionIsBounded holds that no server makes much of memory or time by what it says of its services.
func TestReflectionIsBounded(t *testing.T) {
	nested := []byte{}
	for range 200 {
		nested = field(3, nested)
	}
	fan := func(path string) [][]byte {
		level := len(path)
		if level >= 40 {
			return [][]byte{encoded(t, &descriptorpb.FileDescriptorProto{Name: proto.String(path)})}
		}
		base := strings.Repeat("f", level+1)
		return [][]byte{encoded(t, &descriptorpb.FileDescriptorProto{
			Name: proto.String(path), Dependency: []string{base}, PublicDependency: []int32{0, 0},
		})}
	}
	tests := map[string]struct {
		files   func(path string) [][]byte
		problem string
	}{
		"imports without end":    {endless(t, 0), "more than 1000 files, which is all that is read"},
		"bytes without end":      {endless(t, 1<<20), "more than 16 MiB, which is all that is read"},
		"one answer too large":   {endless(t, 5<<20), "larger than max"},
		"many empty messages":    {func(string) [][]byte { return [][]byte{bytes.Repeat(field(4, nil), 1<<20)} }, "more than 300000 fields, which is all that is read"},
		"many empty files":       {func(string) [][]byte { return make([][]byte, 1<<20) }, "more than 300000 fields, which is all that is read"},
		"many locations":         {func(string) [][]byte { return [][]byte{field(9, bytes.Repeat(field(1, nil), 1<<20))} }, "more than 300000 fields"},
		"deep nesting":           {func(string) [][]byte { return [][]byte{field(4, nested)} }, "nested more than 100 deep, which is all that is read"},
		"no protobuf":            {func(string) [][]byte { return [][]byte{{0xff, 0xff}} }, "not protobuf"},
		"public imports fan out": {fan, "publicly along more than 100000 paths"},
		"another file": {func(string) [][]byte {
			return [][]byte{encoded(t, &descriptorpb.FileDescriptorProto{Name: proto.String("a"), Dependency: []string{"b"}})}
		}, "the server does not give the file b"},
		"silence": {func(string) [][]byte { return nil }, "takes more than its share of --timeout"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, connection := serve(t, withFiles(test.files))
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if name == "silence" {
				ctx, cancel = context.WithTimeout(t.Context(), time.Second)
				defer cancel()
			}
			begun, before := time.Now(), allocated()
			_, err := Choose(ctx, connection, Wish{Method: "a.B/C"})
			require.ErrorContains(t, err, test.problem)
			assert.ErrorContains(t, err, connection.address, "the server is named")
			assert.Less(t, time.Since(begun), 5*time.Second)
			assert.Less(t, allocated()-before, uint64(600<<20))
		})
	}
}

// allocated is how much memory has been taken since the program began.
func allocated() uint64 {
	var statistics runtime.MemStats
	runtime.ReadMemStats(&statistics)
	return statistics.TotalAlloc
}

func TestPublicImportsInACycle(t *testing.T) {
	d := newDescription(nil)
	for _, name := range []string{"a", "b"} {
		d.files[name] = &descriptorpb.FileDescriptorProto{Name: &name, Dependency: []string{"a", "b"}, PublicDependency: []int32{0, 1, -1, 7}}
	}
	require.ErrorContains(t, d.checkPublicImports(), "publicly along more than")
	d.files["a"].PublicDependency, d.files["b"].PublicDependency = nil, []int32{0}
	require.NoError(t, d.checkPublicImports())
}

// admin serves an admin interface that may be hostile.
func admin(t *testing.T, answer http.HandlerFunc) Admin {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return Admin{Address: server.Listener.Addr().String(), Proxy: "Pod edge/gateway-1"}
}

// repeat writes a text until the other side has had enough.
func repeat(w io.Writer, begin, text string) {
	_, _ = io.WriteString(w, begin)
	block := strings.Repeat(text, 1+(1<<16)/len(text))
	for {
		if _, err := io.WriteString(w, block); err != nil {
			return
		}
	}
}

const firstHosts = `{"cluster_statuses":[{"name":"outbound|80||a.b.svc.cluster.local","host_statuses":[`

// unlessSlow is what is said of an answer without end, whichever limit it meets first here.
const unlessSlow = "more than 64 MiB, which is all that is read|its share of --timeout"

func TestAdminIsBoundedInBytes(t *testing.T) {
	for _, text := range []string{firstHosts + strings.Repeat("{},", 1<<20), `{"a":` + strings.Repeat(" ", 2<<20), `{"a":"` + strings.Repeat("a", 2<<20)} {
		_, err := boundedCounts(strings.NewReader(text), 1<<20, "a", "b", 80)
		require.EqualError(t, err, "its answer to /clusters has more than 1 MiB, which is all that is read")
	}
	counts, err := boundedCounts(strings.NewReader(`{"cluster_statuses":[]}`), 1<<20, "a", "b", 80)
	require.NoError(t, err)
	assert.Empty(t, counts)
}

// TestAdminIsBounded holds that no proxy makes much of memory or time by what it answers.
func TestAdminIsBounded(t *testing.T) {
	asked := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	t.Cleanup(elsewhere.Close)
	many := 0
	tests := map[string]struct {
		answer  http.HandlerFunc
		problem string
	}{
		"redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, `a redirect \(302\), which is not followed`},
		"refusal":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "the HTTP status 503"},
		"hosts without end": {
			func(w http.ResponseWriter, _ *http.Request) { repeat(w, firstHosts, `{},`) },
			unlessSlow,
		},
		"space without end":   {func(w http.ResponseWriter, _ *http.Request) { repeat(w, `{"a":`, " ") }, unlessSlow},
		"text without end":    {func(w http.ResponseWriter, _ *http.Request) { repeat(w, `{"a":"`, "a") }, unlessSlow},
		"nesting without end": {func(w http.ResponseWriter, _ *http.Request) { repeat(w, `{"a":`, "[") }, "nested more than 100 deep"},
		"statistics of a host": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, firstHosts+`{"stats":[`+strings.Repeat("{},", 1<<18)+`{}]}]}]}`)
		}, "more than 64 kB of one endpoint"},
		"endpoints": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, firstHosts)
			for {
				many++
				_, err := fmt.Fprintf(w, `{"address":{"envoy_internal_address":{"endpoint_id":"%d"}},"stats":[{"name":"rq_total","value":"1"}]},`, many)
				if err != nil {
					return
				}
			}
		}, "more than 20000 endpoints"},
		"a counter": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, firstHosts+`{"stats":[{"name":"rq_total","value":"18446744073709551615"}]}]}]}`)
		}, "it counts"},
		"gzip": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			packer := gzip.NewWriter(w)
			repeat(packer, `{"a":"`, "a")
		}, "cannot be read"},
		"headers": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, "headers exceeded"},
		"silence": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "its share of --timeout"},
		"drops": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				time.Sleep(time.Millisecond)
			}
		}, "its share of --timeout"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			limit := 40 * time.Second
			if name == "silence" || name == "drops" {
				limit = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, err := admin(t, test.answer).Counts(ctx, "a", "b", 80)
			require.Error(t, err)
			assert.Regexp(t, test.problem, err.Error())
			require.ErrorContains(t, err, "Pod edge/gateway-1")
			runtime.ReadMemStats(&after)
			assert.Less(t, int64(after.Sys)-int64(before.Sys), int64(400<<20))
		})
	}
	assert.Zero(t, asked, "a redirect was followed")
}

func TestAdminIsInterrupted(t *testing.T) {
	silent := admin(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	begun := time.Now()
	_, err := silent.Counts(ctx, "a", "b", 80)
	require.ErrorIs(t, err, context.Canceled)
	assert.Less(t, time.Since(begun), 50*time.Millisecond+atOnce)
}

func TestReceivedRequestsAreBounded(t *testing.T) {
	for _, value := range []string{"NaN", "+Inf", "-1", "1e300", "x"} {
		_, err := ReceivedRequests([]byte(`istio_requests_total{reporter="destination"} ` + value))
		require.ErrorContains(t, err, "cannot be read", value)
	}
	_, err := ReceivedRequests([]byte(`istio_requests_total{reporter="destination", x="` + strings.Repeat("x", 1<<20) + `"} 1`))
	require.ErrorContains(t, err, "cannot be read")
}

// silent takes connections and says nothing on them; it reads nothing either.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// TestSilenceTakesAShare holds that a probe of a server that never answers leaves time for what follows.
func TestSilenceTakesAShare(t *testing.T) {
	held := make(chan struct{})
	t.Cleanup(func() { close(held) })
	for name, target := range map[string]string{"no HTTP/2": silent(t), "no answer": hold(t, held)} {
		t.Run(name, func(t *testing.T) {
			connection, err := Connect(Target{Address: target})
			require.NoError(t, err)
			defer connection.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			begun := time.Now()
			call, err := Choose(ctx, connection, Wish{})
			require.NoError(t, err)
			assert.Equal(t, "grpc.health.v1.Health/Check", call.Name)
			assert.Less(t, time.Since(begun), time.Second)
		})
	}
}

// hold serves a gRPC server that never answers a call.
func hold(t *testing.T, held chan struct{}) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		select {
		case <-held:
		case <-stream.Context().Done():
		}
		return nil
	}))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// TestEveryPhaseIsInterrupted cancels in the middle of each.
func TestEveryPhaseIsInterrupted(t *testing.T) {
	held := make(chan struct{})
	t.Cleanup(func() { close(held) })
	for server, address := range map[string]string{"no HTTP/2": silent(t), "no answer": hold(t, held)} {
		for phase, work := range map[string]func(context.Context, *Connection){
			"choose":   func(ctx context.Context, c *Connection) { _, _ = Choose(ctx, c, Wish{}) },
			"describe": func(ctx context.Context, c *Connection) { _, _ = Choose(ctx, c, Wish{Method: "a.B/C"}) },
			"run":      func(ctx context.Context, c *Connection) { Run(ctx, c, healthCall(), tenCalls) },
			"await":    func(ctx context.Context, c *Connection) { Await(ctx, Target{Address: c.address}, Wish{}) },
		} {
			t.Run(server+", "+phase, func(t *testing.T) {
				connection, err := Connect(Target{Address: address})
				require.NoError(t, err)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(50*time.Millisecond, cancel)
				begun := time.Now()
				work(ctx, connection)
				connection.Close()
				assert.Less(t, time.Since(begun), 50*time.Millisecond+atOnce)
			})
		}
	}
}

// TestCloseIsNotHeldUp holds that a server that no longer reads does not keep the connection open.
func TestCloseIsNotHeldUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	go func() {
		taken, err := listener.Accept()
		if err != nil {
			return
		}
		// The settings let the client send much, and then nothing is read.
		_, _ = taken.Write([]byte("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x7f\xff\xff\xff\x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\xff\x00\x00"))
	}()
	connection, err := Connect(Target{Address: listener.Addr().String()})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_ = connection.invoke(ctx, "/a.B/C", make([]byte, 64<<20))
	begun := time.Now()
	connection.Close()
	assert.Less(t, time.Since(begun), atOnce)
}

// TestFailuresAreBounded holds that a server cannot fill the report.
func TestFailuresAreBounded(t *testing.T) {
	served, connection := serve(t, withHealth)
	served.answer = func(call int) error { return status.Error(codes.Code(1000+call), strings.Repeat("ü", 1<<12)) }
	result := Run(t.Context(), connection, healthCall(), tenCalls)
	require.Len(t, result.Failures, 1)
	assert.Equal(t, codes.Unknown, result.Failures[0].Code)
	assert.LessOrEqual(t, len(result.Failures[0].Message), maxText+20)

	served.answer = func(int) error { return status.Error(codes.Internal, strings.Repeat("x", 1<<17)) }
	result = Run(t.Context(), connection, healthCall(), Options{Requests: 1, Concurrency: 1, CallTimeout: 5 * time.Second})
	assert.Equal(t, 1, result.Failed(), "headers of that size are not taken")
}

func TestInterruptible(t *testing.T) {
	value, err := interrupt.Until(t.Context(), func() (int, error) { return 7, errors.New("seven") })
	assert.Equal(t, 7, value)
	require.EqualError(t, err, "seven")
}
