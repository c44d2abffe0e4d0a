package cluster

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

var podOne = types.NamespacedName{Namespace: "test", Name: "server-1"}

const metricsPath = "GET /api/v1/namespaces/test/pods/server-1:15090/proxy/stats/prometheus"

// TestGetFromPodIsBounded holds that a pod neither fills the memory nor leads the client, with its credentials, elsewhere.
func TestGetFromPodIsBounded(t *testing.T) {
	block := []byte(strings.Repeat("x", 1<<16))
	tests := map[string]struct {
		answer  http.HandlerFunc
		problem string
	}{
		"fine": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("metrics")) }, ""},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, "Pod test/server-1 answers with more than 32 MiB, which is all that is read"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "Pod test/server-1 answers with a redirect (302), which is not followed"},
		"refusal": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			for range 1 << 10 {
				_, _ = w.Write(block)
			}
		}, "metrics of Pod test/server-1"},
		"forbidden": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,
				"message":"pods \"server-1\" is forbidden: User \"carol\" cannot get resource \"pods/proxy\" in API group \"\" in the namespace \"test\""}`))
		}, "you may not get pods/proxy in namespace test"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := newFakeServer(t)
			server.on(metricsPath, test.answer)
			server.on("GET /elsewhere", func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
			body, err := server.client.GetFromPod(t.Context(), podOne, 15090, "stats/prometheus")
			if test.problem == "" {
				require.NoError(t, err)
				assert.Equal(t, "metrics", string(body))
				return
			}
			require.ErrorContains(t, err, test.problem)
			assert.Less(t, len(err.Error()), 2000)
		})
	}
}

// TestAskingPodsIsInterrupted holds it for an API server that takes connections and then says nothing.
func TestAskingPodsIsInterrupted(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	client, err := New(&rest.Config{Host: "http://" + listener.Addr().String()}, Options{})
	require.NoError(t, err)
	for name, ask := range map[string]func(context.Context) error{
		"metrics":      func(ctx context.Context) error { _, err := client.GetFromPod(ctx, podOne, 15090, "x"); return err },
		"port-forward": func(ctx context.Context) error { _, err := client.PortForward(ctx, podOne, 15000); return err },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			begun := time.Now()
			require.ErrorIs(t, ask(ctx), context.Canceled)
			assert.Less(t, time.Since(begun), 250*time.Millisecond)
		})
	}
}
