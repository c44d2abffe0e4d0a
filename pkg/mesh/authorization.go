package mesh

import (
	"slices"
	"strconv"

	securityapi "istio.io/api/security/v1beta1"
	security "istio.io/client-go/pkg/apis/security/v1"
)

// Match says whether calls meet a condition, as far as the call is known.
type Match int

// The answers, from no to yes.
const (
	Never Match = iota
	Sometimes
	Always
)

func (m Match) not() Match { return Always - m }

// Call is what is known of the gRPC calls that a policy judges.
type Call struct {
	// Port is the one on the pods.
	Port int32
	// TCP says that the pods' proxies take the port for TCP, so that there is no path, method or header to judge by.
	TCP bool
	// AnyCaller says that nothing is known of the caller; the fields after it are then empty.
	AnyCaller bool
	// MutualTLS says that the caller shows the certificate of its workload. Without it, it has no namespace and no principal.
	MutualTLS bool
	// Namespace and ServiceAccount are the caller's; an empty ServiceAccount is not known.
	Namespace, ServiceAccount string
	// Addresses are those of the caller's pods; none means not known.
	Addresses []string
}

// AuthorizationPoliciesFor are the policies that the sidecars of pods with these labels enforce, by namespace (the root
// namespace's first) and name. Those for Gateways and waypoints (targetRefs), and dry runs, are left out.
// Source: Istio's pilot/pkg/model/authorization.go (ListAuthorizationPolicies), policyattachment.go (ShouldAttachPolicy) and
// pilot/pkg/security/authz/builder/builder.go (isDryRun).
func (s *Snapshot) AuthorizationPoliciesFor(namespace string, podLabels map[string]string) []*security.AuthorizationPolicy {
	index := remember(s, sidecarPolicies{}, func() *matchIndex[*security.AuthorizationPolicy] {
		enforced := slices.DeleteFunc(slices.Clone(s.AuthorizationPolicies().All()), func(policy *security.AuthorizationPolicy) bool {
			return !isEnforcedBySidecars(policy)
		})
		return newMatchIndex(enforced, func(policy *security.AuthorizationPolicy) (string, map[string]string) {
			return policy.Namespace, policy.Spec.GetSelector().GetMatchLabels()
		})
	})
	var policies []*security.AuthorizationPolicy
	for _, place := range slices.Compact([]string{s.RootNamespace(), namespace}) {
		policies = append(policies, index.selecting(place, podLabels)...)
	}
	return policies
}

type sidecarPolicies struct{}

func isEnforcedBySidecars(policy *security.AuthorizationPolicy) bool {
	dryRun, _ := strconv.ParseBool(policy.Annotations["istio.io/dry-run"])
	return !dryRun && policy.Spec.GetTargetRef() == nil && len(policy.Spec.GetTargetRefs()) == 0
}

// Matches says whether calls meet one of the policy's rules. A policy without rules matches no call.
// Source: Istio's pilot/pkg/security/authz/builder/builder.go (Builder.build).
func (s *Snapshot) Matches(policy *security.AuthorizationPolicy, call Call) Match {
	match := Never
	for _, rule := range policy.Spec.GetRules() {
		match = max(match, s.MatchesRule(policy, rule, call))
	}
	return match
}

// MatchesRule says whether calls meet a rule: one entry of from, one of to, and all of when. On a TCP port a rule of an ALLOW
// policy that asks for something of HTTP is left out, and in any other policy that condition is.
// Source: Istio's pilot/pkg/security/authz/model/model.go (New, Generate, checkError).
func (s *Snapshot) MatchesRule(policy *security.AuthorizationPolicy, rule *securityapi.Rule, call Call) Match {
	if call.TCP && HasHTTPFields(rule) && policy.Spec.GetAction() == securityapi.AuthorizationPolicy_ALLOW {
		return Never
	}
	judge := ruleJudge{call: call, policyNamespace: policy.Namespace, trustDomains: s.trustDomains()}
	from, to := Never, Never
	for _, entry := range rule.GetFrom() {
		from = max(from, judge.source(entry.GetSource()))
	}
	for _, entry := range rule.GetTo() {
		to = max(to, judge.operation(entry.GetOperation()))
	}
	if len(rule.GetFrom()) == 0 {
		from = Always
	}
	if len(rule.GetTo()) == 0 {
		to = Always
	}
	match := min(from, to)
	for _, condition := range rule.GetWhen() {
		match = min(match, judge.condition(condition))
	}
	return match
}

// trustDomains are the names that the mesh's own certificates go by; cluster.local always means the mesh's own.
// Source: Istio's pilot/pkg/trustdomain/bundle.go (ReplaceTrustDomainAliases).
func (s *Snapshot) trustDomains() []string {
	config := s.MeshConfig()
	return append([]string{config.GetTrustDomain(), "cluster.local"}, config.GetTrustDomainAliases()...)
}
