package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

// proxy stands between the plugin and the API server, speaks HTTPS and HTTP/2 as the API server does, and sees every request.
type proxy struct {
	forward *httputil.ReverseProxy
	// delay is how long every request is held up before it is sent on, as by a network.
	delay time.Duration
	// fault, if set, is called with each request and its number, from 1.
	fault func(number int) fault

	guard    sync.Mutex
	requests []request
}

// request is one that the proxy has seen.
type request struct {
	line       string
	start, end time.Time
	write      bool
}

// fault is what befalls a request.
type fault int

const (
	none fault = iota
	// lostRequest: the connection breaks before the request has arrived.
	lostRequest
	// lostAnswer: the connection breaks after the API server has done it.
	lostAnswer
	// serverError: the API server answers 500.
	serverError
	// silence: no answer comes.
	silence
)

// throughProxy leads the scene's commands through a proxy from now on.
func (s *scene) throughProxy() *proxy {
	s.Helper()
	transport, err := rest.TransportFor(s.config)
	require.NoError(s, err)
	target, err := url.Parse(s.config.Host)
	require.NoError(s, err)
	p := &proxy{forward: &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // watches
		ErrorLog:      log.New(io.Discard, "", 0),
	}}
	server := httptest.NewUnstartedServer(p)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.ConnContext = func(ctx context.Context, connection net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, connection)
	}
	server.StartTLS()
	s.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	s.kubeconfig = filepath.Join(s.TempDir(), "kubeconfig")
	require.NoError(s, os.WriteFile(s.kubeconfig, []byte(strings.Replace(connection(server.URL), "server:",
		"certificate-authority-data: "+base64.StdEncoding.EncodeToString(authority)+", server:", 1)), 0o600))
	return p
}

type connectionKey struct{}

// ServeHTTP sends the request on, unless a fault befalls it.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number := p.begin(r)
	defer p.finish(number)
	select {
	case <-time.After(p.delay):
	case <-r.Context().Done():
		return
	}
	befalls := none
	if p.fault != nil {
		befalls = p.fault(number)
	}
	switch befalls {
	case lostRequest:
		reset(r)
	case lostAnswer:
		if r.URL.Query().Has("watch") {
			reset(r) // its answer has no end
		}
		p.forward.ServeHTTP(httptest.NewRecorder(), r)
		reset(r)
	case serverError:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"etcdserver: leader changed","reason":"InternalError","code":500}`)
	case silence:
		<-r.Context().Done()
	default:
		p.forward.ServeHTTP(w, r)
	}
}

// reset breaks the connection that the request came on, with all others on it.
func reset(r *http.Request) {
	secure := r.Context().Value(connectionKey{}).(*tls.Conn)
	if plain, ok := secure.NetConn().(*net.TCPConn); ok {
		_ = plain.SetLinger(0)
	}
	_ = secure.NetConn().Close()
	panic(http.ErrAbortHandler)
}

func (p *proxy) begin(r *http.Request) (number int) {
	p.guard.Lock()
	defer p.guard.Unlock()
	p.requests = append(p.requests, request{line: r.Method + " " + r.URL.RequestURI(), start: time.Now(), write: isWrite(r)})
	return len(p.requests)
}

func (p *proxy) finish(number int) {
	p.guard.Lock()
	defer p.guard.Unlock()
	p.requests[number-1].end = time.Now()
}

// isWrite says that a request may change something in the cluster. Reviews of access are questions, and Events do not count.
func isWrite(r *http.Request) bool {
	reads := r.Method == http.MethodGet || strings.Contains(r.URL.RawQuery, "dryRun=All") || strings.Contains(r.URL.Path, "selfsubject") ||
		strings.HasSuffix(r.URL.Path, "/events")
	return !reads && !(r.Method == http.MethodDelete && isDryRun(r))
}

// isDryRun says that the options of a deletion, which are its body, ask for a dry run. One whose sender is gone before they have
// arrived deletes nothing either.
func isDryRun(r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return err != nil || bytes.Contains(body, []byte(`"dryRun"`))
}

// take is what has been seen since the last time.
func (p *proxy) take() []request {
	p.guard.Lock()
	defer p.guard.Unlock()
	taken := p.requests
	p.requests = nil
	return taken
}

// untilWrite are the requests before the first one that may change something.
func untilWrite(requests []request) []request {
	for i, request := range requests {
		if request.write {
			return requests[:i]
		}
	}
	return requests
}
