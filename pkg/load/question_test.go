package load

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

// The question of one namespace reads of what is many only the namespaces through which its paths go; that of the cluster reads all.
func TestQuestionReadsWhatItNeeds(t *testing.T) {
	kinds := []mesh.Kind{mesh.KindService, mesh.KindPod, mesh.KindEndpointSlice, mesh.KindSecret, mesh.KindConfigMap}
	found := corpus.Mesh(t, "good-https")
	certificate := types.NamespacedName{Namespace: "istio-system", Name: "secure-cert"}
	settings := types.NamespacedName{Namespace: RootNamespace, Name: "istio"}

	path := Question{Kinds: kinds, Namespace: "duo"}.Request()
	assert.Equal(t, map[mesh.Kind][]string{mesh.KindService: nil}, path.Kinds)
	assert.Equal(t, []string{"duo", RootNamespace}, path.Fallback)
	then := path.Follow(found)
	assert.Equal(t, map[mesh.Kind][]string{mesh.KindPod: {"duo", RootNamespace}, mesh.KindEndpointSlice: {"duo", RootNamespace}}, then.Kinds)
	assert.Contains(t, then.ConfigMaps, settings)
	assert.Contains(t, then.Secrets, certificate)

	whole := Question{Kinds: kinds}.Request()
	assert.Equal(t, map[mesh.Kind][]string{mesh.KindService: nil, mesh.KindPod: nil, mesh.KindEndpointSlice: nil}, whole.Kinds)
	assert.Empty(t, whole.Follow(found).Kinds)
	assert.Contains(t, whole.Follow(found).Secrets, certificate)

	near := Question{Kinds: kinds, Namespace: "duo", Near: []mesh.Kind{mesh.KindPod}, AtControlPlanes: []mesh.Kind{mesh.KindEndpointSlice}, Secrets: []string{"other"}}.Request()
	assert.Equal(t, map[mesh.Kind][]string{mesh.KindService: nil, mesh.KindPod: {"duo"}}, near.Kinds)
	then = near.Follow(found)
	assert.Equal(t, map[mesh.Kind][]string{mesh.KindEndpointSlice: {RootNamespace}}, then.Kinds)
	assert.Contains(t, then.Secrets, types.NamespacedName{Namespace: "istio-system", Name: "other"}, "beside each gateway's pods")

	unnamed := Question{Kinds: []mesh.Kind{mesh.KindService}, Namespace: "duo"}.Request().Follow(found)
	assert.Empty(t, unnamed.Secrets, "what the question does not name is not read")
	assert.Empty(t, unnamed.ConfigMaps)
}

// A Gateway that selects nothing known may select pods of an owner that is not read, in whatever namespace.
func TestQuestionAboutAGatewayWithoutWorkload(t *testing.T) {
	found := corpus.Mesh(t, "good-https")
	var removed []mesh.Key
	for _, kind := range []mesh.Kind{mesh.KindDeployment, mesh.KindPod} {
		for _, object := range found.Objects(kind) {
			removed = append(removed, mesh.KeyOf(object))
		}
	}
	all := func(*mesh.Snapshot) func(mesh.Object) bool { return func(mesh.Object) bool { return true } }
	question := Question{Kinds: []mesh.Kind{mesh.KindPod}, Namespace: "duo", Concerns: all}
	assert.NotNil(t, question.Request().Follow(found).Kinds[mesh.KindPod])
	assert.Nil(t, question.Request().Follow(found.With(mesh.Change{Removed: removed})).Kinds[mesh.KindPod])
}

// The Secrets that listeners of the Gateway API name are read in the namespaces that they are in.
func TestQuestionReadsTheCertificatesOfListeners(t *testing.T) {
	found := meshtest.Snapshot(t, `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: duo}
spec:
  gatewayClassName: istio
  listeners:
  - {name: grpc, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: own}, {name: shared, namespace: certs}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more, namespace: duo}
spec:
  parentRef: {name: edge}
  listeners:
  - {name: more, port: 8443, protocol: HTTPS, tls: {certificateRefs: [{name: more}]}}
`)
	wanted := Question{Kinds: []mesh.Kind{mesh.KindSecret}}.Request().Follow(found).Secrets
	assert.Equal(t, []types.NamespacedName{
		{Namespace: "duo", Name: "own"}, {Namespace: "certs", Name: "shared"}, {Namespace: "duo", Name: "more"},
	}, wanted)
}
