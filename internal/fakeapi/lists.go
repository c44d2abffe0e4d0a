package fakeapi

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// keyedLists are the lists that are merged item by item, of the kinds that have some; all others are atomic, as most of
// Istio's are. Source: the x-kubernetes-list-map-keys in k8s.io/api's and the Gateway API's schemas.
var keyedLists = newParser(`types:
- name: Service
  map:
    elementType: {namedType: any}
    fields:
    - name: spec
      type:
        map:
          elementType: {namedType: any}
          fields: [{name: ports, type: {list: {elementRelationship: associative, keys: [port, protocol], elementType: {namedType: port}}}}]
- name: Gateway.gateway.networking.k8s.io
  map:
    elementType: {namedType: any}
    fields:
    - name: spec
      type:
        map:
          elementType: {namedType: any}
          fields: [{name: listeners, type: {list: {elementRelationship: associative, keys: [name], elementType: {namedType: any}}}}]
- name: workload
  map:
    elementType: {namedType: any}
    fields:
    - name: spec
      type:
        map:
          elementType: {namedType: any}
          fields: [{name: template, type: {namedType: template}}]
- name: template
  map:
    elementType: {namedType: any}
    fields:
    - name: spec
      type:
        map:
          elementType: {namedType: any}
          fields:
          - {name: containers, type: {list: {elementRelationship: associative, keys: [name], elementType: {namedType: container}}}}
          - {name: initContainers, type: {list: {elementRelationship: associative, keys: [name], elementType: {namedType: container}}}}
- name: container
  map:
    elementType: {namedType: any}
    fields:
    - {name: env, type: {list: {elementRelationship: associative, keys: [name], elementType: {namedType: any}}}}
    - {name: ports, type: {list: {elementRelationship: associative, keys: [containerPort, protocol], elementType: {namedType: port}}}}
- name: port
  map:
    elementType: {namedType: any}
    fields: [{name: protocol, type: {scalar: string}, default: TCP}]
- name: any
  scalar: untyped
  list: {elementType: {namedType: atom}, elementRelationship: atomic}
  map: {elementType: {namedType: any}, elementRelationship: separable}
- name: atom
  scalar: untyped
  list: {elementType: {namedType: atom}, elementRelationship: atomic}
  map: {elementType: {namedType: atom}, elementRelationship: atomic}
`)

func newParser(schema typed.YAMLObject) *typed.Parser {
	parser, err := typed.NewParser(schema)
	if err != nil {
		panic(err) // a constant
	}
	return parser
}

// converter has the keyed lists of objects merged.
type converter struct {
	managedfields.TypeConverter
}

func (c converter) ObjectToTyped(object runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	kind := object.GetObjectKind().GroupVersionKind()
	name := strings.TrimSuffix(kind.GroupKind().String(), ".apps")
	switch name {
	case "Deployment", "StatefulSet", "DaemonSet":
		name = "workload"
	case "Service", "Gateway.gateway.networking.k8s.io":
	default:
		return c.TypeConverter.ObjectToTyped(object, options...)
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, err
	}
	return keyedLists.Type(name).FromUnstructured(fields, options...)
}
