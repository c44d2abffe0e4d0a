package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// names are the objects of a kind, as namespace/name.
func names(snapshot *mesh.Snapshot, kind mesh.Kind) []string {
	var all []string
	for _, object := range snapshot.Objects(kind) {
		all = append(all, strings.TrimPrefix(object.GetNamespace()+"/"+object.GetName(), "/"))
	}
	return all
}

func listOf(kind string, items ...string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: %sList\nmetadata: {resourceVersion: \"7\"}\nitems: [%s]", kind, strings.Join(items, ","))
}

func TestLoadReadsAllKindsInOneRound(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET /apis", reply(serving("networking.istio.io/v1beta1/gateways")))
	f.on("GET /api/v1/services", reply(listOf("Service", `{metadata: {name: server, namespace: test}, spec: {ports: [{port: 8000}]}}`)))
	f.on("GET /apis/networking.istio.io/v1beta1/gateways", reply(listOf("Gateway",
		`{apiVersion: networking.istio.io/v1beta1, kind: Gateway, metadata: {name: server, namespace: test}, spec: {selector: {istio: ingressgateway}}}`)))
	f.on("GET /api/v1/namespaces/test/secrets/tls", reply(`{apiVersion: v1, kind: Secret, metadata: {name: tls, namespace: test}, type: kubernetes.io/tls}`))
	f.on("GET /api/v1/namespaces/test/secrets/gone", fail(http.StatusNotFound, metav1.StatusReasonNotFound, `secrets "gone" not found`))

	loaded, err := f.client.Load(t.Context(), LoadRequest{
		Kinds:   map[mesh.Kind][]string{mesh.KindService: nil, mesh.KindGateway: nil, mesh.KindSidecar: nil},
		Secrets: []types.NamespacedName{{Namespace: "test", Name: "tls"}, {Namespace: "test", Name: "gone"}},
		Context: "prod",
	})
	require.NoError(t, err)
	assert.Equal(t, []string{
		"GET /api/v1/namespaces/test/secrets/gone", "GET /api/v1/namespaces/test/secrets/tls", "GET /api/v1/services",
		"GET /apis", "GET /apis/networking.istio.io/v1beta1/gateways",
	}, f.asked())

	snapshot := loaded.Snapshot
	assert.Equal(t, []string{"test/server"}, names(snapshot, mesh.KindService))
	assert.Equal(t, []string{"test/tls"}, names(snapshot, mesh.KindSecret))
	gateway, ok := snapshot.Gateways().Get("test", "server")
	require.True(t, ok)
	assert.Equal(t, "ingressgateway", gateway.Spec.Selector["istio"])
	assert.Equal(t, "networking.istio.io/v1beta1", gateway.APIVersion, "it can be written back as it came")
	assert.Equal(t, "prod", snapshot.Source(gateway).Context)

	assert.Empty(t, loaded.Gaps)
	assert.Equal(t, []string{"sidecars.networking.istio.io"}, loaded.MissingCRDs())
	_, unknown := snapshot.Unknown(mesh.KindSidecar, "", "")
	assert.False(t, unknown, "where there is no CRD there are no objects")
	_, unknown = snapshot.Unknown(mesh.KindSecret, "test", "gone")
	assert.False(t, unknown, "a Secret that is not there is known not to be")
	_, unknown = snapshot.Unknown(mesh.KindSecret, "third", "tls")
	assert.True(t, unknown, "nobody asked for this one")
	reason, unknown := snapshot.Unknown(mesh.KindVirtualService, "test", "")
	assert.True(t, unknown)
	assert.Equal(t, "virtualservices were not read", reason)
}

func TestLoadListsWithOneRequest(t *testing.T) {
	f := newFakeServer(t)
	var asked []string
	f.on("GET /api/v1/services", func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		reply(listOf("Service", `{metadata: {name: a, namespace: x}}`, `{metadata: {name: b, namespace: x}}`))(w, r)
	})
	loaded, err := f.client.Load(t.Context(), LoadRequest{Kinds: map[mesh.Kind][]string{mesh.KindService: nil}})
	require.NoError(t, err)
	assert.Equal(t, []string{"x/a", "x/b"}, names(loaded.Snapshot, mesh.KindService))
	assert.Equal(t, []string{"timeout=1m0s"}, asked)
}

func TestLoadReadsPodsAsMetadata(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET /api/v1/pods", func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "status.phase!=Succeeded,status.phase!=Failed", r.URL.Query().Get("fieldSelector"))
		assert.Contains(t, r.Header.Get("Accept"), "as=PartialObjectMetadataList")
		reply(`{apiVersion: meta.k8s.io/v1, kind: PartialObjectMetadataList, metadata: {}, items: [{metadata:
			{name: server-1, namespace: test, labels: {app: server}, managedFields: [{manager: kubelet}]}}]}`)(w, r)
	})
	loaded, err := f.client.Load(t.Context(), LoadRequest{Kinds: map[mesh.Kind][]string{mesh.KindPod: nil}})
	require.NoError(t, err)
	pod, ok := loaded.Snapshot.Pods().Get("test", "server-1")
	require.True(t, ok)
	assert.Equal(t, map[string]string{"app": "server"}, pod.Labels)
	assert.Empty(t, pod.ManagedFields)
	assert.Empty(t, pod.Spec.NodeName)
}

func TestLoadOfARestrictedUser(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET /apis", reply(serving("networking.istio.io/v1/gateways")))
	f.on("GET /api/v1/services", mayNotDo("list", "services", ""))
	f.on("GET /api/v1/namespaces/test/services", reply(listOf("Service", `{metadata: {name: server, namespace: test}}`)))
	f.on("GET /api/v1/namespaces/istio-system/services", mayNotDo("list", "services", ""))
	f.on("GET /api/v1/namespaces", mayNotDo("list", "namespaces", ""))
	f.on("GET /api/v1/namespaces/test", reply(`{apiVersion: v1, kind: Namespace, metadata: {name: test}}`))
	f.on("GET /api/v1/namespaces/istio-system", mayNotDo("get", "namespaces", ""))
	f.on("GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
		mayNotDo("list", "mutatingwebhookconfigurations", "admissionregistration.k8s.io"))
	f.on("GET /apis/networking.istio.io/v1/gateways", mayNotDo("list", "gateways", "networking.istio.io"))
	f.on("GET /apis/networking.istio.io/v1/namespaces/test/gateways", reply(listOf("Gateway",
		`{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: good, namespace: test}, spec: {}}`,
		`{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: bad, namespace: test}, spec: {servers: 5}}`)))
	f.on("GET /apis/networking.istio.io/v1/namespaces/istio-system/gateways", reply(listOf("Gateway")))
	f.on("GET /api/v1/namespaces/istio-system/configmaps", mayNotDo("list", "configmaps", ""))
	f.on("GET /api/v1/namespaces/test/secrets/tls", mayNotDo("get", "secrets", ""))

	loaded, err := f.client.Load(t.Context(), LoadRequest{
		Kinds:      map[mesh.Kind][]string{mesh.KindService: nil, mesh.KindNamespace: nil, mesh.KindWebhook: nil, mesh.KindGateway: nil},
		Fallback:   []string{"test", "istio-system"},
		Secrets:    []types.NamespacedName{{Namespace: "test", Name: "tls"}},
		ConfigMaps: []types.NamespacedName{{Namespace: "istio-system"}},
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"test/server"}, names(loaded.Snapshot, mesh.KindService))
	assert.Equal(t, []string{"test"}, names(loaded.Snapshot, mesh.KindNamespace))
	assert.Equal(t, []string{"test/good"}, names(loaded.Snapshot, mesh.KindGateway), "one object that cannot be read does not hide the others")

	require.Len(t, loaded.Gaps, 7)
	bad := loaded.Gaps[0]
	assert.Contains(t, bad.Reason, "Gateway cannot be read")
	loaded.Gaps[0].Reason = ""
	assert.Equal(t, []mesh.Gap{
		{Kind: mesh.KindGateway, Namespace: "test", Name: "bad"},
		{Kind: mesh.KindGateway, Except: []string{"test", "istio-system"}, Reason: "you may not list gateways.networking.istio.io in all namespaces"},
		{Kind: mesh.KindWebhook, Reason: "you may not list mutatingwebhookconfigurations.admissionregistration.k8s.io"},
		{Kind: mesh.KindNamespace, Except: []string{"test"}, Reason: "you may not list namespaces"},
		{Kind: mesh.KindService, Except: []string{"test"}, Reason: "you may not list services in all namespaces"},
		{Kind: mesh.KindSecret, Namespace: "test", Name: "tls", Reason: "you may not get secrets/tls in namespace test"},
		{Kind: mesh.KindConfigMap, Namespace: "istio-system", Reason: "you may not list configmaps in namespace istio-system"},
	}, loaded.Gaps)
}

func TestLoadOfSomeNamespaces(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET /api/v1/namespaces/test/services", reply(listOf("Service", `{metadata: {name: server, namespace: test}}`)))
	f.on("GET /api/v1/namespaces/test", reply(`{apiVersion: v1, kind: Namespace, metadata: {name: test}}`))

	loaded, err := f.client.Load(t.Context(), LoadRequest{
		Kinds: map[mesh.Kind][]string{mesh.KindService: {"test"}, mesh.KindNamespace: {"test"}},
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"GET /api/v1/namespaces/test", "GET /api/v1/namespaces/test/services"}, f.asked())
	assert.Empty(t, loaded.Gaps, "nothing that was asked for is missing")
	_, unknown := loaded.Snapshot.Unknown(mesh.KindService, "test", "other")
	assert.False(t, unknown)
	reason, unknown := loaded.Snapshot.Unknown(mesh.KindService, "shop", "")
	assert.True(t, unknown)
	assert.Equal(t, "services were read only in test", reason)
}

func TestLoadFollows(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET /api/v1/services", reply(listOf("Service", `{metadata: {name: istiod, namespace: mesh}}`)))
	f.on("GET /api/v1/namespaces/mesh/configmaps", reply(listOf("ConfigMap", `{metadata: {name: istio, namespace: mesh}, data: {mesh: "rootNamespace: mesh"}}`)))

	loaded, err := f.client.Load(t.Context(), LoadRequest{
		Kinds: map[mesh.Kind][]string{mesh.KindService: nil},
		Follow: func(s *mesh.Snapshot) LoadRequest {
			return LoadRequest{ConfigMaps: []types.NamespacedName{{Namespace: s.Services().All()[0].Namespace}}}
		},
	})
	require.NoError(t, err)
	assert.Equal(t, "mesh", proxy.RootNamespace(loaded.Snapshot))
	assert.Equal(t, []string{"mesh/istiod"}, names(loaded.Snapshot, mesh.KindService))
}

func TestLoadFailsWhereNothingCanBeSaid(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET /api/v1/services", fail(http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcdserver: no leader"))
	_, err := f.client.Load(t.Context(), LoadRequest{Kinds: map[mesh.Kind][]string{mesh.KindService: nil}})
	assert.EqualError(t, err, "the API server at "+f.client.server+" failed while listing services in all namespaces: etcdserver: no leader; try again in a moment")
}

func TestRequestsCarryTheProgramsName(t *testing.T) {
	f := newFakeServer(t)
	var agent string
	f.on("GET /version", func(w http.ResponseWriter, r *http.Request) {
		agent = r.Header.Get("User-Agent")
		_ = json.NewEncoder(w).Encode(map[string]string{})
	})
	_, err := f.client.ServerVersion(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "kubectl-grpcexpose/test", agent)
}
