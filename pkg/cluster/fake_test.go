package cluster

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fakeServer speaks as much of the API as a test gives it answers for, and keeps what it was asked. Its answers are JSON,
// which every client must take although it prefers protobuf.
type fakeServer struct {
	t      *testing.T
	client *Client
	close  func()

	mutex    sync.Mutex
	answers  map[string]http.HandlerFunc
	requests []string
	// fault, if set, is called first; it says that it has dealt with the request.
	fault func(w http.ResponseWriter, r *http.Request) bool
}

// newFakeServer serves until the test ends.
func newFakeServer(t *testing.T) *fakeServer {
	t.Helper()
	f := &fakeServer{t: t, answers: map[string]http.HandlerFunc{}}
	server := httptest.NewServer(f)
	f.close = server.Close
	t.Cleanup(server.Close)
	client, err := New(&rest.Config{Host: server.URL}, Options{Version: "test"})
	require.NoError(t, err)
	f.client = client
	return f
}

// on sets the answer to a verb and path: "GET /api/v1/services".
func (f *fakeServer) on(what string, answer http.HandlerFunc) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.answers[what] = answer
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := r.Method + " " + r.URL.Path
	f.mutex.Lock()
	f.requests = append(f.requests, what)
	answer, known := f.answers[what]
	fault := f.fault
	f.mutex.Unlock()
	if fault != nil && fault(w, r) {
		return
	}
	if !known {
		fail(http.StatusNotFound, metav1.StatusReasonNotFound, "the server could not find the requested resource")(w, r)
		return
	}
	answer(w, r)
}

// asked are the requests so far, sorted, and forgets them.
func (f *fakeServer) asked() []string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	requests := slices.Sorted(slices.Values(f.requests))
	f.requests = nil
	return requests
}

// reply answers with YAML as JSON.
func reply(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		data, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(data)
	}
}

// fail answers with a Status; the rest of it may be added.
func fail(code int, reason metav1.StatusReason, message string, causes ...metav1.StatusCause) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.URL.Path, "/")
		status := metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Reason: reason, Message: message, Code: int32(code),
			Details: &metav1.StatusDetails{Name: parts[len(parts)-1], Kind: parts[len(parts)-2], Causes: causes},
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(status)
	}
}

// mayNotDo answers as RBAC does.
func mayNotDo(verb, resource, group string) http.HandlerFunc {
	return fail(http.StatusForbidden, metav1.StatusReasonForbidden,
		resource+` is forbidden: User "carol" cannot `+verb+` resource "`+resource+`" in API group "`+group+`" at the cluster scope`)
}

// body is the object that a request carries.
func body(t *testing.T, r *http.Request) map[string]any {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	var object map[string]any
	require.NoError(t, json.Unmarshal(data, &object))
	return object
}

// serving is the aggregated document of a server that has these: "networking.istio.io/v1/gateways".
func serving(resources ...string) string {
	var b strings.Builder
	b.WriteString("apiVersion: apidiscovery.k8s.io/v2\nkind: APIGroupDiscoveryList\nitems:\n")
	for _, resource := range resources {
		parts := strings.Split(resource, "/")
		b.WriteString("- metadata: {name: " + parts[0] + "}\n  versions: [{version: " + parts[1] + ", resources: [{resource: " + parts[2] + "}]}]\n")
	}
	return b.String()
}
