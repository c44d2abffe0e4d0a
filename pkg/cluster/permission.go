package cluster

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Permission is the right to do one thing with one resource, in the words of RBAC.
type Permission struct {
	// Verb is RBAC's: get, list, watch, create, patch, delete.
	Verb string `json:"verb"`
	// Group is the API group, empty for the core one.
	Group string `json:"group"`
	// Resource is the plural name, with "/subresource" where one is meant.
	Resource string `json:"resource"`
	// Namespace is empty for cluster-scoped resources and for all namespaces together.
	Namespace string `json:"namespace,omitempty"`
	// Name is the one object that is meant, empty for all.
	Name string `json:"name,omitempty"`
}

// String is the permission as the rest of a sentence: "list services in all namespaces", "patch deployments.apps/server in
// namespace test".
func (p Permission) String() string {
	resource := schema.GroupResource{Group: p.Group, Resource: p.Resource}.String()
	switch {
	case p.Name != "" && p.Namespace != "":
		return fmt.Sprintf("%s %s/%s in namespace %s", p.Verb, resource, p.Name, p.Namespace)
	case p.Name != "":
		return fmt.Sprintf("%s %s/%s", p.Verb, resource, p.Name)
	case p.Namespace != "":
		return fmt.Sprintf("%s %s in namespace %s", p.Verb, resource, p.Namespace)
	case clusterScoped[p.Resource]:
		return fmt.Sprintf("%s %s", p.Verb, resource)
	default:
		return fmt.Sprintf("%s %s in all namespaces", p.Verb, resource)
	}
}

// Denied says as a clause that it is missing; it is the reason of a Gap for want of it.
func (p Permission) Denied() string { return "you may not " + p.String() }

// clusterScoped are the resources for which "in all namespaces" would make no sense.
var clusterScoped = map[string]bool{"namespaces": true, "mutatingwebhookconfigurations": true, "gatewayclasses": true}

func comparePermissions(a, b Permission) int {
	return cmp.Or(
		cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource),
		cmp.Compare(a.Name, b.Name), cmp.Compare(a.Verb, b.Verb),
	)
}
