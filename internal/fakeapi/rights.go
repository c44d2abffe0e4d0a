package fakeapi

import (
	"slices"
	"strings"

	authorization "k8s.io/api/authorization/v1"
	rbac "k8s.io/api/rbac/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Grant is a rule of RBAC in a namespace, or with an empty one everywhere.
type Grant struct {
	Namespace string
	Rule      rbac.PolicyRule
}

// verbs are those that the program may need.
var verbs = []string{"get", "list", "watch", "create", "patch", "delete"}

// Everything is every right that there is to the kinds that the model reads and to Events, one in a Grant: for tests that
// take some away. With namespaces, rights to namespaced kinds are granted in each of them, else everywhere.
func Everything(namespaces ...string) []Grant {
	var grants []Grant
	grant := func(group, resource string, namespaces []string) {
		for _, verb := range verbs {
			rule := rbac.PolicyRule{Verbs: []string{verb}, APIGroups: []string{group}, Resources: []string{resource}}
			for _, namespace := range namespaces {
				grants = append(grants, Grant{Namespace: namespace, Rule: rule})
			}
		}
	}
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	for _, kind := range mesh.Kinds() {
		if info := kind.Info(); info.ClusterScoped {
			grant(info.Group, info.Resource, []string{""})
		} else {
			grant(info.Group, info.Resource, namespaces)
		}
	}
	grant("", "events", namespaces)
	grant("", "pods/portforward", namespaces)
	return grants
}

// right is what a request needs.
type right struct {
	verb, group, resource, namespace, name string
}

func (s *Server) allows(wanted right) bool {
	if wanted.resource == "namespaces" && wanted.group == "" && wanted.name != "" {
		wanted.namespace = wanted.name // as k8s.io/apiserver's pkg/endpoints/request/requestinfo.go has it
	}
	return s.Grants == nil || slices.ContainsFunc(s.Grants, func(grant Grant) bool {
		return (grant.Namespace == "" || grant.Namespace == wanted.namespace) && allowing(grant.Rule, wanted)
	})
}

// review answers a SelfSubjectAccessReview.
func (s *Server) review(review *authorization.SelfSubjectAccessReview) {
	wanted := review.Spec.ResourceAttributes
	resource := wanted.Resource
	if wanted.Subresource != "" {
		resource += "/" + wanted.Subresource
	}
	review.Status.Allowed = s.allows(right{wanted.Verb, wanted.Group, resource, wanted.Namespace, wanted.Name})
}

// rules answers a SelfSubjectRulesReview.
func (s *Server) rules(review *authorization.SelfSubjectRulesReview) {
	if s.Grants == nil {
		review.Status.ResourceRules = []authorization.ResourceRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}}
		return
	}
	for _, grant := range s.Grants {
		if grant.Namespace == "" || grant.Namespace == review.Spec.Namespace {
			review.Status.ResourceRules = append(review.Status.ResourceRules, authorization.ResourceRule{
				Verbs: grant.Rule.Verbs, APIGroups: grant.Rule.APIGroups, Resources: grant.Rule.Resources, ResourceNames: grant.Rule.ResourceNames,
			})
		}
	}
}

// allowing follows k8s.io/kubernetes' pkg/apis/rbac/v1/evaluation_helpers.go.
func allowing(rule rbac.PolicyRule, wanted right) bool {
	has := func(values []string, value string) bool {
		return slices.Contains(values, "*") || slices.Contains(values, value)
	}
	_, subresource, isSubresource := strings.Cut(wanted.resource, "/")
	return has(rule.Verbs, wanted.verb) && has(rule.APIGroups, wanted.group) &&
		(has(rule.Resources, wanted.resource) || isSubresource && slices.Contains(rule.Resources, "*/"+subresource)) &&
		(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, wanted.name))
}
