package mesh

import (
	"testing"

	"github.com/stretchr/testify/assert"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestWithin holds what belongs to a namespace: its objects and the Namespace itself; cluster-scoped objects belong to all.
func TestWithin(t *testing.T) {
	var objects []Sourced
	for _, namespace := range []string{"a", "b"} {
		objects = append(objects,
			Sourced{Object: &core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}},
			Sourced{Object: &core.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "s"}}},
			Sourced{Object: &core.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "istio"}, Data: map[string]string{"mesh": "rootNamespace: " + namespace}}},
		)
	}
	s := New(objects, Options{})
	assert.Equal(t, 3, s.Within([]string{"a"}, nil).Len())
	assert.Equal(t, 4, s.Within([]string{"a"}, []Kind{KindService}).Len())
	assert.Equal(t, 3, s.Without("a").Len())
	assert.Nil(t, s.Without("a").Find(Key{Kind: KindNamespace, Name: "a"}))
	assert.True(t, s.HasOthers([]string{"a"}))
	assert.False(t, s.HasOthers([]string{"a", "b"}))
	assert.Equal(t, []string{"istio-system"}, s.PlatformNamespaces(), "a mesh config makes no namespace the operators'")
}
