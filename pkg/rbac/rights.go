package rbac

import (
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// ToRead are the rights to read kinds by listing them: everywhere, or in some namespaces only. Secrets and ConfigMaps are never listed.
func ToRead(kinds []mesh.Kind, verbs []string, namespaces ...string) []cluster.Permission {
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	var permissions []cluster.Permission
	for _, kind := range kinds {
		if kind == mesh.KindSecret || kind == mesh.KindConfigMap {
			continue
		}
		for _, namespace := range namespaces {
			permissions = append(permissions, On(kind, namespace, "", verbs...)...)
		}
	}
	return permissions
}

// On are the rights to one resource of a namespace.
func On(kind mesh.Kind, namespace, name string, verbs ...string) []cluster.Permission {
	info := kind.Info()
	permissions := make([]cluster.Permission, 0, len(verbs))
	for _, verb := range verbs {
		permissions = append(permissions, cluster.Permission{Verb: verb, Group: info.Group, Resource: info.Resource, Namespace: namespace, Name: name})
	}
	return permissions
}

// ToRestart are the rights to change a workload and to follow its rollout; an empty kind stands for any of the three.
func ToRestart(kind mesh.Kind, namespace, name string) []cluster.Permission {
	kinds := []mesh.Kind{kind}
	if kind == "" {
		kinds = []mesh.Kind{mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet}
	}
	var permissions []cluster.Permission
	for _, kind := range kinds {
		permissions = append(permissions, On(kind, namespace, name, "patch", "watch")...)
	}
	return permissions
}
