package plugin

import (
	"cmp"
	"io"
	"slices"
	"strings"

	rbac "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// rolesYAML are the Roles, one for each namespace, and the ClusterRole that grant permissions, as YAML documents.
func rolesYAML(name string, permissions []cluster.Permission) (string, error) {
	byNamespace := map[string][]cluster.Permission{}
	for _, permission := range permissions {
		byNamespace[permission.Namespace] = append(byNamespace[permission.Namespace], permission)
	}
	namespaces := make([]string, 0, len(byNamespace))
	for namespace := range byNamespace {
		namespaces = append(namespaces, namespace)
	}
	slices.Sort(namespaces)
	var documents []any
	for _, namespace := range namespaces {
		rules := rulesOf(byNamespace[namespace])
		var role any = &rbac.Role{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbac.SchemeGroupVersion.String(), Kind: "Role"},
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Rules: rules,
		}
		if namespace == "" {
			role = &rbac.ClusterRole{
				TypeMeta:   metav1.TypeMeta{APIVersion: rbac.SchemeGroupVersion.String(), Kind: "ClusterRole"},
				ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules,
			}
		}
		documents = append(documents, role)
	}
	var text strings.Builder
	err := report.YAML(&text, documents...)
	return text.String(), err
}

// rulesOf groups permissions into as few rules as say no more than they do: those with the same group, names and verbs.
func rulesOf(permissions []cluster.Permission) []rbac.PolicyRule {
	type target struct{ group, resource, name string }
	verbs := map[target][]string{}
	for _, permission := range permissions {
		key := target{permission.Group, permission.Resource, permission.Name}
		if !slices.Contains(verbs[key], permission.Verb) {
			verbs[key] = append(verbs[key], permission.Verb)
		}
	}
	type shape struct{ group, name, verbs string }
	resources := map[shape][]string{}
	for key, allowed := range verbs {
		slices.Sort(allowed)
		as := shape{key.group, key.name, strings.Join(allowed, ",")}
		resources[as] = append(resources[as], key.resource)
	}
	rules := make([]rbac.PolicyRule, 0, len(resources))
	for as, named := range resources {
		slices.Sort(named)
		rule := rbac.PolicyRule{APIGroups: []string{as.group}, Resources: named, Verbs: strings.Split(as.verbs, ",")}
		if as.name != "" {
			rule.ResourceNames = []string{as.name}
		}
		rules = append(rules, rule)
	}
	slices.SortFunc(rules, func(a, b rbac.PolicyRule) int {
		return cmp.Or(
			slices.Compare(a.APIGroups, b.APIGroups), slices.Compare(a.Resources, b.Resources),
			slices.Compare(a.ResourceNames, b.ResourceNames), slices.Compare(a.Verbs, b.Verbs),
		)
	})
	return rules
}

// readPermissions are the rights to read kinds: everywhere, or in some namespaces only.
func readPermissions(kinds []mesh.Kind, verbs []string, namespaces ...string) []cluster.Permission {
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	var permissions []cluster.Permission
	for _, kind := range kinds {
		info := kind.Info()
		for _, namespace := range namespaces {
			for _, verb := range verbs {
				permissions = append(permissions, cluster.Permission{Verb: verb, Group: info.Group, Resource: info.Resource, Namespace: namespace})
			}
		}
	}
	return permissions
}

// lintKinds are the kinds that checks read by listing them.
func lintKinds() []mesh.Kind {
	var kinds []mesh.Kind
	for _, check := range lint.All() {
		for _, kind := range slices.Concat(check.Reads, check.Consults) {
			if kind != mesh.KindSecret && kind != mesh.KindConfigMap && !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	slices.Sort(kinds)
	return kinds
}

// mayPatch and the like are the rights to one resource of a namespace.
func may(kind mesh.Kind, namespace, name string, verbs ...string) []cluster.Permission {
	info := kind.Info()
	permissions := make([]cluster.Permission, 0, len(verbs))
	for _, verb := range verbs {
		permissions = append(permissions, cluster.Permission{Verb: verb, Group: info.Group, Resource: info.Resource, Namespace: namespace, Name: name})
	}
	return permissions
}

func workloadPermissions(kind mesh.Kind, namespace, name string) []cluster.Permission {
	kinds := []mesh.Kind{kind}
	if kind == "" {
		kinds = []mesh.Kind{mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet}
	}
	var permissions []cluster.Permission
	for _, kind := range kinds {
		permissions = append(permissions, may(kind, namespace, name, "patch", "watch")...)
	}
	return permissions
}

func printRoles(w io.Writer, name string, permissions []cluster.Permission) error {
	text, err := rolesYAML(name, permissions)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}
