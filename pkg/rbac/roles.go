package rbac

import (
	"cmp"
	"io"
	"slices"
	"strings"

	rbac "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// roles are the Roles, one for each namespace, and the ClusterRole that grant permissions, as YAML documents.
func roles(name string, permissions []cluster.Permission) (string, error) {
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

// Print prints the Roles.
func Print(w io.Writer, name string, permissions []cluster.Permission) error {
	text, err := roles(name, permissions)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}
