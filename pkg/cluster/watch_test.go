package cluster

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// listOrWatch answers a list, and a watch with the lines that come in.
func listOrWatch(t *testing.T, list string, events <-chan string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") == "" {
			reply(list)(w, r)
			return
		}
		w.(http.Flusher).Flush()
		for {
			select {
			case <-r.Context().Done():
				return
			case event, open := <-events:
				if !open {
					return
				}
				data, err := yaml.YAMLToJSON([]byte(event))
				assert.NoError(t, err)
				_, _ = w.Write(append(data, '\n'))
				w.(http.Flusher).Flush()
			}
		}
	}
}

// emit sends an event to whoever watches.
func emit(t *testing.T, events chan<- string, event string) {
	t.Helper()
	select {
	case events <- event:
	case <-time.After(5 * time.Second):
		require.Fail(t, "nobody watches")
	}
}

// next is what Watch calls back with, or a failure after a while.
func next(t *testing.T, loads <-chan *Loaded) *mesh.Snapshot {
	t.Helper()
	select {
	case loaded := <-loads:
		return loaded.Snapshot
	case <-time.After(5 * time.Second):
		require.Fail(t, "no snapshot came")
		return nil
	}
}

func service(version, name, namespace string) string {
	return `{apiVersion: v1, kind: Service, metadata: {name: ` + name + `, namespace: ` + namespace + `, resourceVersion: "` + version + `"}}`
}

func TestWatch(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET /apis", reply(serving("networking.istio.io/v1/gateways")))
	services, gateways, pods := make(chan string), make(chan string), make(chan string)
	f.on("GET /api/v1/services", listOrWatch(t, listOf("Service", service("5", "server", "test")), services))
	f.on("GET /apis/networking.istio.io/v1/gateways", listOrWatch(t, listOf("Gateway"), gateways))
	f.on("GET /api/v1/pods", listOrWatch(t, `{apiVersion: meta.k8s.io/v1, kind: PartialObjectMetadataList, metadata: {}}`, pods))

	ctx, cancel := context.WithCancel(t.Context())
	loads := make(chan *Loaded)
	ended := make(chan error)
	go func() {
		kinds := map[mesh.Kind][]string{mesh.KindService: nil, mesh.KindGateway: nil, mesh.KindPod: nil}
		ended <- f.client.Watch(ctx, LoadRequest{Kinds: kinds}, 50*time.Millisecond, func(loaded *Loaded) { loads <- loaded })
	}()

	first := next(t, loads)
	assert.Equal(t, []string{"test/server"}, names(first, mesh.KindService))

	emit(t, services, `{type: ADDED, object: `+service("8", "client", "test")+`}`)
	emit(t, services, `{type: BOOKMARK, object: {apiVersion: v1, kind: Service, metadata: {resourceVersion: "9"}}}`)
	emit(t, services, `{type: DELETED, object: `+service("10", "server", "test")+`}`)
	emit(t, gateways, `{type: ADDED, object: {apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: server, namespace: test}, spec: {selector: {a: b}}}}`)
	emit(t, pods, `{type: ADDED, object: {apiVersion: meta.k8s.io/v1, kind: PartialObjectMetadata, metadata: {name: server-1, namespace: test, labels: {app: server}}}}`)
	second := next(t, loads)
	assert.Equal(t, []string{"test/client"}, names(second, mesh.KindService), "changes that come together make one snapshot")
	assert.Equal(t, []string{"test/server"}, names(second, mesh.KindGateway))
	require.Len(t, second.Pods().All(), 1)
	assert.Equal(t, "server", second.Pods().All()[0].Labels["app"])
	assert.Equal(t, []string{"test/server"}, names(first, mesh.KindService), "the first snapshot is as it was")

	cancel()
	assert.ErrorIs(t, <-ended, context.Canceled)
}

func TestWatchReadsAgainWhatIsTooOld(t *testing.T) {
	f := newFakeServer(t)
	events := make(chan string)
	f.on("GET /api/v1/services", listOrWatch(t, listOf("Service", service("5", "server", "test")), events))
	loads := make(chan *Loaded)
	go func() {
		_ = f.client.Watch(t.Context(), LoadRequest{Kinds: map[mesh.Kind][]string{mesh.KindService: nil}}, time.Millisecond, func(loaded *Loaded) { loads <- loaded })
	}()
	next(t, loads)

	f.on("GET /api/v1/services", listOrWatch(t, listOf("Service", service("6", "other", "test")), events))
	emit(t, events, `{type: ERROR, object: {apiVersion: v1, kind: Status, status: Failure, reason: Expired, code: 410, message: too old}}`)
	assert.Equal(t, []string{"test/other"}, names(next(t, loads), mesh.KindService))
}

func TestWatchFollows(t *testing.T) {
	f := newFakeServer(t)
	events := make(chan string)
	f.on("GET /api/v1/services", listOrWatch(t, listOf("Service"), events))
	f.on("GET /api/v1/namespaces/test/secrets/tls", reply(`{apiVersion: v1, kind: Secret, metadata: {name: tls, namespace: test}}`))
	f.on("GET /api/v1/namespaces/test/secrets", listOrWatch(t, "", make(chan string)))
	loads := make(chan *Loaded)
	go func() {
		_ = f.client.Watch(t.Context(), LoadRequest{
			Kinds: map[mesh.Kind][]string{mesh.KindService: nil},
			Follow: func(s *mesh.Snapshot) (more LoadRequest) {
				for _, service := range s.Services().All() {
					more.Secrets = append(more.Secrets, types.NamespacedName{Namespace: service.Namespace, Name: "tls"})
				}
				return more
			},
		}, time.Millisecond, func(loaded *Loaded) { loads <- loaded })
	}()
	assert.Empty(t, names(next(t, loads), mesh.KindSecret))

	f.on("GET /api/v1/services", listOrWatch(t, listOf("Service", service("8", "server", "test")), events))
	emit(t, events, `{type: ADDED, object: `+service("8", "server", "test")+`}`)
	assert.Equal(t, []string{"test/tls"}, names(next(t, loads), mesh.KindSecret), "a Secret that is named now is read now")
}

func TestWatchNeedsPermission(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET /api/v1/services", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, "watch=true") {
			fail(http.StatusForbidden, metav1.StatusReasonForbidden, `services is forbidden: User "carol" cannot watch resource "services" in API group "" at the cluster scope`)(w, r)
			return
		}
		reply(listOf("Service"))(w, r)
	})
	err := f.client.Watch(t.Context(), LoadRequest{Kinds: map[mesh.Kind][]string{mesh.KindService: nil}}, time.Millisecond, func(*Loaded) {})
	assert.EqualError(t, err, "you may not watch services in all namespaces; ask an administrator for a Role that allows it")
}
