package mesh_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// TestWithin holds what belongs to a namespace: its objects and the Namespace itself; cluster-scoped objects belong to all.
func TestWithin(t *testing.T) {
	var objects []mesh.Sourced
	for _, namespace := range []string{"a", "b"} {
		objects = append(objects,
			mesh.Sourced{Object: &core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}},
			mesh.Sourced{Object: &core.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "s"}}},
			mesh.Sourced{Object: &core.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "istio"}, Data: map[string]string{"mesh": "rootNamespace: " + namespace}}},
		)
	}
	s := mesh.New(objects, mesh.Options{})
	assert.Equal(t, 3, s.Within([]string{"a"}, nil).Len())
	assert.Equal(t, 4, s.Within([]string{"a"}, []mesh.Kind{mesh.KindService}).Len())
	assert.Equal(t, 3, s.Without("a").Len())
	assert.Nil(t, s.Without("a").Find(mesh.Key{Kind: mesh.KindNamespace, Name: "a"}))
	assert.True(t, s.HasOthers([]string{"a"}))
	assert.False(t, s.HasOthers([]string{"a", "b"}))
	assert.Equal(t, []string{"istio-system"}, proxy.PlatformNamespaces(s), "a mesh config makes no namespace the operators'")
}
