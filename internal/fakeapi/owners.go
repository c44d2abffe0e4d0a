package fakeapi

import (
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/managedfields/managedfieldstest"
)

var managers sync.Map

// managerFor keeps the owners of fields of a kind's objects.
func managerFor(gvk schema.GroupVersionKind) *managedfields.FieldManager {
	if manager, known := managers.Load(gvk); known {
		return manager.(*managedfields.FieldManager)
	}
	manager, _ := managers.LoadOrStore(gvk, managedfieldstest.NewFakeFieldManager(converter{managedfields.NewDeducedTypeConverter()}, gvk))
	return manager.(*managedfields.FieldManager)
}

// ownedFrom is the object with the owners that it has after a manager made it from another one, nil for none.
func ownedFrom(before, after *unstructured.Unstructured, manager string) *unstructured.Unstructured {
	if before == nil {
		before = emptyOf(after.GroupVersionKind())
	}
	// It keeps the owners as they are of what it cannot make sense of.
	return managerFor(after.GroupVersionKind()).UpdateNoErrors(before, after.DeepCopy(), manager).(*unstructured.Unstructured)
}

// applied is the live object, nil for none, with a manager's configuration. The error is a conflict as the API server has it.
func applied(live, configuration *unstructured.Unstructured, manager string, force bool) (*unstructured.Unstructured, error) {
	if live == nil {
		live = emptyOf(configuration.GroupVersionKind())
	}
	after, err := managerFor(configuration.GroupVersionKind()).Apply(live.DeepCopy(), configuration, manager, force)
	if err != nil {
		return nil, err
	}
	return after.(*unstructured.Unstructured).DeepCopy(), nil
}

func emptyOf(gvk schema.GroupVersionKind) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(gvk)
	return object
}
