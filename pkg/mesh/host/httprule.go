package host

import (
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// HTTPRule is one http rule of a VirtualService as istiod uses it: its own, or one of a delegate merged with the rule that
// delegates.
type HTTPRule struct {
	// Root is the VirtualService with the hosts; Holder has the rule, at Index: Root itself or a delegate.
	Root, Holder *networking.VirtualService
	Index        int
	// RootIndex is the place in Root of the rule that delegates; Index where Root is the holder.
	RootIndex int
	// Spec is the rule after merging. Short names in it are those of the holder's namespace.
	Spec *networkingapi.HTTPRoute
}

// MatchesMethod gives the path of the first match of the rule that only calls of a gRPC service can meet.
func (r *HTTPRule) MatchesMethod() (path string, ok bool) { return MatchesMethod(r.Spec.Match) }

type httpRulesMemory mesh.Key

// HTTPRules are the http rules of a VirtualService with hosts, in order, with those of its delegates in the place of the
// rules that name them. Delegates that are missing, have hosts, or are not exported to the root's namespace give none, and
// so do rules of a delegate whose matches the root's shut out.
// Source: Istio's pilot/pkg/model/virtualservice_controller.go (mergeVirtualServices).
func HTTPRules(s *mesh.Snapshot, root *networking.VirtualService) []*HTTPRule {
	s.Read(mesh.KindVirtualService)
	return mesh.Remember(s, httpRulesMemory(mesh.KeyOf(root)), func() []*HTTPRule {
		var rules []*HTTPRule
		for i, rule := range root.Spec.Http {
			switch {
			case rule == nil:
			case rule.Delegate != nil:
				rules = append(rules, delegatedRules(s, root, i)...)
			default:
				rules = append(rules, &HTTPRule{Root: root, Holder: root, Index: i, RootIndex: i, Spec: rule})
			}
		}
		return rules
	})
}

// delegateOf is the VirtualService that a rule of a root delegates to; nil if it is missing, no delegate (it has hosts), or
// not exported to the root's namespace.
func delegateOf(s *mesh.Snapshot, root *networking.VirtualService, rule *networkingapi.HTTPRoute) *networking.VirtualService {
	namespace := rule.GetDelegate().GetNamespace()
	if namespace == "" {
		namespace = root.Namespace
	}
	delegate, ok := s.VirtualServices().Get(namespace, rule.GetDelegate().GetName())
	if !ok || len(delegate.Spec.Hosts) > 0 || !VirtualServiceVisibleTo(s, delegate, root.Namespace) {
		return nil
	}
	return delegate
}

func delegatedRules(s *mesh.Snapshot, root *networking.VirtualService, index int) []*HTTPRule {
	rule := root.Spec.Http[index]
	delegate := delegateOf(s, root, rule)
	if delegate == nil {
		return nil
	}
	var rules []*HTTPRule
	for i, sub := range delegate.Spec.Http {
		if sub == nil || sub.Delegate != nil {
			continue
		}
		matches, ok := mergeMatches(rule.Match, sub.Match, root.Namespace, delegate.Namespace)
		if !ok {
			continue
		}
		merged := mergeRules(rule, sub, root.Namespace)
		merged.Match = matches
		rules = append(rules, &HTTPRule{Root: root, Holder: delegate, Index: i, RootIndex: index, Spec: merged})
	}
	return rules
}

// mergeRules gives a delegate's rule what it leaves to the root's.
// Source: Istio's pilot/pkg/model/virtualservice.go (mergeHTTPRoute).
func mergeRules(root, sub *networkingapi.HTTPRoute, rootNamespace string) *networkingapi.HTTPRoute {
	merged := sub.DeepCopy()
	merged.Name = strings.Trim(root.Name+"-"+sub.Name, "-")
	if merged.Rewrite == nil {
		merged.Rewrite = root.Rewrite
	}
	if merged.DirectResponse == nil {
		merged.DirectResponse = root.DirectResponse
	}
	if merged.Timeout == nil {
		merged.Timeout = root.Timeout
	}
	if merged.Retries == nil {
		merged.Retries = root.Retries
	}
	if merged.Fault == nil {
		merged.Fault = root.Fault
	}
	if merged.Mirror == nil && root.Mirror != nil {
		merged.Mirror = root.Mirror.DeepCopy()
		merged.Mirror.Host = ResolveHost(merged.Mirror.Host, rootNamespace)
	}
	if merged.CorsPolicy == nil {
		merged.CorsPolicy = root.CorsPolicy
	}
	if merged.Headers == nil {
		merged.Headers = root.Headers
	}
	return merged
}
