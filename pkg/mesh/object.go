package mesh

import (
	"cmp"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
)

// kindByType serves the objects of typed lists: the API leaves their apiVersion and kind empty. Kinds without a Go type of their
// own are left out.
var kindByType = func() map[reflect.Type]Kind {
	byType := make(map[reflect.Type]Kind, len(kinds))
	for kind, info := range kinds {
		if object := info.new(); !isUnstructured(object) {
			byType[reflect.TypeOf(object)] = kind
		}
	}
	return byType
}()

func isUnstructured(object Object) bool {
	_, unstructured := object.(runtime.Unstructured)
	return unstructured
}

// GroupVersionKind is the object's own, or where it has none (an element of a typed list) that of its Go type.
func GroupVersionKind(object Object) schema.GroupVersionKind {
	if gvk := object.GetObjectKind().GroupVersionKind(); gvk.Kind != "" {
		return gvk
	}
	return kinds[kindByType[reflect.TypeOf(object)]].GroupVersionKind
}

// Key identifies an object in a Snapshot.
type Key struct {
	Kind      Kind
	Namespace string
	Name      string
}

// KeyOf is the identity of an object.
func KeyOf(object Object) Key {
	kind, _ := KindOfObject(object)
	return Key{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}
}

// String is the form in which messages name an object: kind namespace/name, or kind name where there is no namespace.
func (k Key) String() string {
	return inert.Name(k.kindName(), k.Namespace, k.Name)
}

// kindName is the kind in its own API group, where several have one of that name.
func (k Key) kindName() string { return cmp.Or(kinds[k.Kind].Kind, string(k.Kind)) }

// Argument is the object as kubectl's command lines name it, TYPE/NAME.
func (k Key) Argument() string { return inert.TypeName(k.kindName(), k.Name) }

// NamespacedName is the name of the object where its kind goes without saying.
func NamespacedName(object Object) types.NamespacedName {
	return types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
}

// CompareAge is istiod's usual order: the older first, then by name and namespace.
// Source: Istio's pilot/pkg/model/config.go (configCompareByCreationTime).
func CompareAge(a, b Object) int {
	return cmp.Or(
		a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
		cmp.Compare(a.GetName(), b.GetName()),
		cmp.Compare(a.GetNamespace(), b.GetNamespace()),
	)
}
