package cluster

import (
	"context"
	"maps"
	"slices"
	"strings"

	authorization "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	rulesReviews  = authorization.SchemeGroupVersion.WithResource("selfsubjectrulesreviews")
	accessReviews = authorization.SchemeGroupVersion.WithResource("selfsubjectaccessreviews")
)

// Access is what the user may do in some namespaces.
type Access struct {
	client *Client
	rules  map[string]authorization.SubjectRulesReviewStatus
}

// Access asks the API server what the user may do, once for each namespace.
func (c *Client) Access(ctx context.Context, namespaces []string) (*Access, error) {
	namespaces = slices.Compact(slices.Sorted(slices.Values(namespaces)))
	statuses := make([]authorization.SubjectRulesReviewStatus, len(namespaces))
	err := inParallel(ctx, len(namespaces), func(ctx context.Context, index int) error {
		review := &authorization.SelfSubjectRulesReview{Spec: authorization.SelfSubjectRulesReviewSpec{Namespace: namespaces[index]}}
		err := at(c.rest.Post(), rulesReviews, "", "").Timeout(readTimeout).Body(review).Do(ctx).Into(review)
		statuses[index] = review.Status
		return c.failure(ctx, reviewRequest(rulesReviews), err)
	})
	if err != nil {
		return nil, err
	}
	access := &Access{client: c, rules: make(map[string]authorization.SubjectRulesReviewStatus, len(namespaces))}
	for i, namespace := range namespaces {
		access.rules[namespace] = statuses[i]
	}
	return access, nil
}

func reviewRequest(resource schema.GroupVersionResource) request {
	return request{permission: Permission{Verb: "create", Group: resource.Group, Resource: resource.Resource}, limit: readTimeout}
}

// allowed says whether the rules allow it. certain is false where they cannot tell: the namespace was not asked about, the
// server said that its list is incomplete (a webhook authorizes too), or the rules of a namespace would have to speak for
// the whole cluster. Missing asks in these cases.
//
// A namespace's rules are those of its RoleBindings and of the ClusterRoleBindings together, so what they do not allow is
// not allowed cluster-wide either. Source: k8s.io/kubernetes, plugin/pkg/auth/authorizer/rbac (RulesFor, RuleAllows).
func (a *Access) allowed(wanted Permission) (allowed, certain bool) {
	namespace := wanted.Namespace
	if namespace == "" && wanted.Group == "" && wanted.Resource == "namespaces" && wanted.Name != "" {
		// The API server authorizes a request for a Namespace in that namespace.
		// Source: k8s.io/apiserver, pkg/endpoints/request/requestinfo.go (NewRequestInfo).
		namespace = wanted.Name
	}
	if namespace != "" {
		status, asked := a.rules[namespace]
		allowed = ruleAllows(status.ResourceRules, wanted)
		return allowed, asked && (allowed || !status.Incomplete)
	}
	for _, namespace := range slices.Sorted(maps.Keys(a.rules)) {
		status := a.rules[namespace]
		if !status.Incomplete && !ruleAllows(status.ResourceRules, wanted) {
			return false, true
		}
	}
	return false, false
}

func ruleAllows(rules []authorization.ResourceRule, wanted Permission) bool {
	return slices.ContainsFunc(rules, func(rule authorization.ResourceRule) bool {
		return anyOf(rule.Verbs, wanted.Verb) && anyOf(rule.APIGroups, wanted.Group) && resourceAllowed(rule.Resources, wanted.Resource) &&
			(len(rule.ResourceNames) == 0 || wanted.Name != "" && slices.Contains(rule.ResourceNames, wanted.Name))
	})
}

func anyOf(values []string, wanted string) bool {
	return slices.Contains(values, "*") || slices.Contains(values, wanted)
}

// resourceAllowed knows "*", "deployments/scale" and "*/scale".
// Source: k8s.io/kubernetes, pkg/apis/rbac/v1/evaluation_helpers.go (ResourceMatches).
func resourceAllowed(resources []string, wanted string) bool {
	_, subresource, isSubresource := strings.Cut(wanted, "/")
	return anyOf(resources, wanted) || isSubresource && slices.Contains(resources, "*/"+subresource)
}

// Missing are those of the wanted permissions that the user does not have, sorted and each once. Where the rules cannot
// tell, the API server is asked about the single permission.
func (a *Access) Missing(ctx context.Context, wanted []Permission) ([]Permission, error) {
	wanted = slices.Compact(slices.SortedFunc(slices.Values(wanted), comparePermissions))
	denied := make([]bool, len(wanted))
	err := inParallel(ctx, len(wanted), func(ctx context.Context, index int) error {
		allowed, certain := a.allowed(wanted[index])
		if !certain {
			var err error
			if allowed, err = a.client.ask(ctx, wanted[index]); err != nil {
				return err
			}
		}
		denied[index] = !allowed
		return nil
	})
	if err != nil {
		return nil, err
	}
	var missing []Permission
	for i, permission := range wanted {
		if denied[i] {
			missing = append(missing, permission)
		}
	}
	return missing, nil
}

// ask has the API server judge one permission.
func (c *Client) ask(ctx context.Context, wanted Permission) (bool, error) {
	resource, subresource, _ := strings.Cut(wanted.Resource, "/")
	review := &authorization.SelfSubjectAccessReview{
		Spec: authorization.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorization.ResourceAttributes{
			Verb: wanted.Verb, Group: wanted.Group, Resource: resource, Subresource: subresource, Namespace: wanted.Namespace, Name: wanted.Name,
		}},
	}
	if wanted.Group == "" && wanted.Resource == "namespaces" {
		review.Spec.ResourceAttributes.Namespace = wanted.Name
	}
	err := at(c.rest.Post(), accessReviews, "", "").Timeout(readTimeout).Body(review).Do(ctx).Into(review)
	return review.Status.Allowed, c.failure(ctx, reviewRequest(accessReviews), err)
}
