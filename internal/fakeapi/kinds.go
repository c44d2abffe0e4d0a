package fakeapi

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// knownKinds are those that the model reads.
func knownKinds() map[schema.GroupResource]served {
	kinds := map[schema.GroupResource]served{}
	for _, kind := range mesh.Kinds() {
		info := kind.Info()
		kinds[info.GroupVersionResource().GroupResource()] = served{kind: info.Kind, versions: []string{info.Version}, namespaced: !info.ClusterScoped}
	}
	return kinds
}

// resourceOf is where objects of a kind are served: the plural is the model's, else what Kubernetes' rules make of the name.
func resourceOf(gvk schema.GroupVersionKind) (schema.GroupResource, served) {
	if kind, known := mesh.KindOf(gvk.GroupKind()); known {
		info := kind.Info()
		return info.GroupVersionResource().GroupResource(), served{kind: info.Kind, versions: []string{info.Version}, namespaced: !info.ClusterScoped}
	}
	plural, _ := meta.UnsafeGuessKindToResource(gvk)
	return plural.GroupResource(), served{kind: gvk.Kind, versions: []string{gvk.Version}, namespaced: true}
}

// discovery is the aggregated document of /apis. The core group is not in it.
func (s *Server) discovery() map[string]any {
	type groupVersion struct{ group, version string }
	resources := map[groupVersion][]any{}
	for resource, kind := range s.kinds {
		for _, version := range kind.versions {
			at := groupVersion{resource.Group, version}
			resources[at] = append(resources[at], map[string]any{
				"resource": resource.Resource, "responseKind": map[string]any{"group": resource.Group, "version": version, "kind": kind.kind},
			})
		}
	}
	versions := map[string][]any{}
	for at, served := range resources {
		if at.group != "" {
			versions[at.group] = append(versions[at.group], map[string]any{"version": at.version, "resources": served})
		}
	}
	var items []any
	for group, served := range versions {
		items = append(items, map[string]any{"metadata": map[string]any{"name": group}, "versions": served})
	}
	return map[string]any{"apiVersion": "apidiscovery.k8s.io/v2", "kind": "APIGroupDiscoveryList", "items": items}
}

// serves reports whether a resource is there in that version.
func (s *Server) serves(resource schema.GroupVersionResource) (served, bool) {
	kind, known := s.kinds[resource.GroupResource()]
	return kind, known && slices.Contains(kind.versions, resource.Version)
}
