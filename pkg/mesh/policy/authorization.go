package policy

import (
	"fmt"
	"slices"
	"strconv"

	securityapi "istio.io/api/security/v1beta1"
	security "istio.io/client-go/pkg/apis/security/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
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
	// Port is the one on the pods; 0 means not known.
	Port int32
	// TCP says that the pods' proxies take the port for TCP, so that there is no path, method or header to judge by.
	TCP bool
	// Ztunnel says that the pods are in ambient mode: ztunnel judges, which knows the connection only.
	Ztunnel bool
	// AnyCaller says that nothing is known of the caller; the fields after it are then empty.
	AnyCaller bool
	// MutualTLS says that the caller shows the certificate of its workload. Without it, it has no namespace and no principal.
	MutualTLS bool
	// Namespace and ServiceAccount are the caller's; an empty ServiceAccount is not known.
	Namespace, ServiceAccount string
	// Addresses are those of the caller's pods; none means not known.
	Addresses []string
	// Requests are what is known of the requests themselves; none means not known.
	Requests []gateway.RequestShape
}

// AuthorizationPoliciesFor are the policies that the sidecars of pods with these labels enforce, by namespace (the root
// namespace's first) and name. Those for Gateways and waypoints (targetRefs), and dry runs, are left out.
// Source: Istio's pilot/pkg/model/authorization.go (ListAuthorizationPolicies), policyattachment.go (ShouldAttachPolicy) and
// pilot/pkg/security/authz/builder/builder.go (isDryRun).
func AuthorizationPoliciesFor(s *mesh.Snapshot, namespace string, podLabels map[string]string) []*security.AuthorizationPolicy {
	index := mesh.Remember(s, sidecarPolicies{}, func() *gateway.MatchIndex[*security.AuthorizationPolicy] {
		enforced := slices.DeleteFunc(slices.Clone(s.AuthorizationPolicies().All()), func(policy *security.AuthorizationPolicy) bool {
			return !isEnforcedBySidecars(policy)
		})
		return gateway.NewMatchIndex(enforced, func(policy *security.AuthorizationPolicy) (string, map[string]string) {
			return policy.Namespace, policy.Spec.GetSelector().GetMatchLabels()
		})
	})
	var policies []*security.AuthorizationPolicy
	for _, place := range slices.Compact([]string{proxy.RootNamespace(s), namespace}) {
		policies = append(policies, index.Selecting(place, podLabels)...)
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
func Matches(s *mesh.Snapshot, policy *security.AuthorizationPolicy, call Call) Match {
	match := Never
	for _, rule := range policy.Spec.GetRules() {
		match = max(match, MatchesRule(s, policy, rule, call))
	}
	return match
}

// MatchesRule says whether calls meet a rule: one entry of from, one of to, and all of when. On a TCP port a rule of an ALLOW
// policy that asks for something of HTTP is left out, and in any other policy that condition is. The same goes for whatever
// ztunnel cannot judge.
// Source: Istio's pilot/pkg/security/authz/model/model.go (New, Generate, checkError).
func MatchesRule(s *mesh.Snapshot, policy *security.AuthorizationPolicy, rule *securityapi.Rule, call Call) Match {
	judge := newRuleJudge(s, policy, call)
	if policy.Spec.GetAction() == securityapi.AuthorizationPolicy_ALLOW && len(judge.leavesOut(rule)) > 0 {
		return Never
	}
	match := Always
	for _, part := range judge.parts(rule) {
		one := Never
		for _, alternative := range part {
			one = max(one, judge.all(alternative))
		}
		match = min(match, one)
	}
	return match
}

func newRuleJudge(s *mesh.Snapshot, policy *security.AuthorizationPolicy, call Call) ruleJudge {
	judge := ruleJudge{call: call, policyNamespace: policy.Namespace, trustDomains: trustDomains(s)}
	if call.Ztunnel {
		// It knows the identity as it stands in the certificate.
		judge.trustDomains = judge.trustDomains[:1]
	}
	return judge
}

// RuleCondition is a condition of a rule that calls never meet, or always do.
type RuleCondition struct {
	// Field is where it stands in the rule: "from[0].source.namespaces"; Name is the last part of it, or of an entry of when its key.
	Field, Name string
	Values      []string
	// LeftOut says that the condition cannot be judged there: an ALLOW rule is left out for it, a DENY rule matches without it.
	LeftOut bool
	// Negative conditions name what must not be.
	Negative bool
}

// UnmetConditions are the conditions because of which calls never meet a rule, of several entries of from or to those of the one
// with the fewest.
func UnmetConditions(s *mesh.Snapshot, policy *security.AuthorizationPolicy, rule *securityapi.Rule, call Call) []RuleCondition {
	judge := newRuleJudge(s, policy, call)
	var unmet []RuleCondition
	if policy.Spec.GetAction() == securityapi.AuthorizationPolicy_ALLOW {
		for _, c := range judge.leavesOut(rule) {
			unmet = append(unmet, conditionOf(rule, c, len(c.values) == 0, true))
		}
	}
	if len(unmet) > 0 {
		return unmet
	}
	for _, part := range judge.parts(rule) {
		var fewest []RuleCondition
		for i, alternative := range part {
			found := judge.unmet(rule, alternative)
			if i == 0 || len(found) < len(fewest) {
				fewest = found
			}
		}
		unmet = append(unmet, fewest...)
	}
	return unmet
}

func (j ruleJudge) unmet(rule *securityapi.Rule, clauses []clause) []RuleCondition {
	var unmet []RuleCondition
	for _, c := range clauses {
		if j.clause(c) == Never {
			unmet = append(unmet, conditionOf(rule, c, j.judge(c.one, c.values, nil) > Never, false))
		}
	}
	return unmet
}

// MetConditions are the conditions by which calls always meet a rule, of several entries of from or to those of the first that does.
func MetConditions(s *mesh.Snapshot, policy *security.AuthorizationPolicy, rule *securityapi.Rule, call Call) []RuleCondition {
	judge := newRuleJudge(s, policy, call)
	var met []RuleCondition
	for _, part := range judge.parts(rule) {
		at := slices.IndexFunc(part, func(alternative []clause) bool { return judge.all(alternative) == Always })
		if at < 0 {
			continue
		}
		for _, c := range part[at] {
			if len(c.values) > 0 {
				met = append(met, conditionOf(rule, c, false, judge.skips(c)))
			}
			if len(c.notValues) > 0 {
				met = append(met, conditionOf(rule, c, true, judge.skips(c)))
			}
		}
	}
	return met
}

func conditionOf(rule *securityapi.Rule, c clause, negative, leftOut bool) RuleCondition {
	found := RuleCondition{Field: c.where + c.name, Name: c.name, Values: c.values, LeftOut: leftOut, Negative: negative}
	if negative {
		found.Field, found.Name, found.Values = c.where+c.notName, c.notName, c.notValues
	}
	for i, condition := range rule.GetWhen() {
		if c.where == fmt.Sprintf("when[%d].", i) {
			found.Name = condition.GetKey()
		}
	}
	return found
}

// trustDomains are the names that the mesh's own certificates go by; cluster.local always means the mesh's own.
// Source: Istio's pilot/pkg/security/trustdomain/bundle.go (ReplaceTrustDomainAliases).
func trustDomains(s *mesh.Snapshot) []string {
	config := proxy.DefaultMeshConfig(s)
	return append([]string{config.GetTrustDomain(), "cluster.local"}, config.GetTrustDomainAliases()...)
}
