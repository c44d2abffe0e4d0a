package access

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	securityapi "istio.io/api/security/v1beta1"
	security "istio.io/client-go/pkg/apis/security/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// obstacle is a condition of an ALLOW rule that calls of the gateway never meet.
type obstacle struct {
	// why says so as a clause; remedy is a sentence without its full stop, empty where only another rule lets the gateway in.
	why, remedy string
}

// whyUnmet says for the first rules what the gateway's calls do not meet.
func whyUnmet(p *checks.Pass, a access, gateway *proxy.GatewayWorkload, found *security.AuthorizationPolicy) []string {
	const most = 3
	call := a.callFrom(p, gateway)
	var clauses []string
	for i, rule := range found.Spec.GetRules()[:min(most, len(found.Spec.GetRules()))] {
		for _, unmet := range policy.UnmetConditions(p.Snapshot, found, rule, call) {
			why := obstacleOf(p, a, gateway, found, unmet).why
			clauses = append(clauses, fmt.Sprintf("%s: %s", conditionText(i, unmet), why))
		}
	}
	return clauses
}

// conditionText is a condition of the rule at that place: "rules[0].from[0].source.namespaces is [shop]".
func conditionText(rule int, condition policy.RuleCondition) string {
	field := fmt.Sprintf("rules[%d].%s", rule, condition.Field)
	if strings.Contains(condition.Name, ".") {
		field += " of " + condition.Name
	}
	return fmt.Sprintf("%s is [%s]", field, strings.Join(condition.Values, ", "))
}

// whyMet says by what conditions of a DENY rule the gateway's calls meet it.
func whyMet(p *checks.Pass, found *security.AuthorizationPolicy, rule int, call policy.Call) []string {
	var clauses []string
	for _, met := range policy.MetConditions(p.Snapshot, found, found.Spec.Rules[rule], call) {
		switch {
		case met.LeftOut && call.Ztunnel:
			clauses = append(clauses, conditionText(rule, met)+": ztunnel does not know such things, and the DENY rule matches without it")
		case met.LeftOut:
			clauses = append(clauses, conditionText(rule, met)+": the port is TCP to the pods' proxies, and the DENY rule matches without it")
		case met.Negative:
			clauses = append(clauses, conditionText(rule, met)+": the calls are none of them")
		default:
			clauses = append(clauses, conditionText(rule, met)+": the calls match")
		}
	}
	if len(clauses) == 0 {
		clauses = []string{fmt.Sprintf("rules[%d] has no conditions", rule)}
	}
	return clauses
}

// remedy says how the policy comes to let the gateway's calls in.
func remedy(p *checks.Pass, a access, gateway *proxy.GatewayWorkload, rule *security.AuthorizationPolicy) string {
	call := a.callFrom(p, gateway)
	denies := rule.Spec.GetAction() == securityapi.AuthorizationPolicy_DENY
	admits := fmt.Sprintf("Let the gateway in: an ALLOW rule whose source has namespaces: [%s], or the principal of its service account.", gateway.Namespace)
	if denies {
		admits = "Except the gateway from the DENY rule: add its namespace to notNamespaces, or its principal to notPrincipals."
	}
	if !denies {
		if text := remedyOfRule(p, a, gateway, rule); text != "" {
			return text
		}
	}
	if call.AnyCaller || call.MutualTLS {
		return admits
	}
	call.MutualTLS = true
	switch match := policy.Matches(p.Snapshot, rule, call); {
	case denies && match < policy.Always, !denies && match > policy.Never:
		return turnOnMutualTLS(p, a, gateway)
	}
	return turnOnMutualTLS(p, a, gateway) + " Then let the gateway in by its identity: " + strings.ToLower(admits[:1]) + admits[1:]
}

// remedyOfRule is what to change in the rule that lacks least; empty where its source is meant for others.
func remedyOfRule(p *checks.Pass, a access, gateway *proxy.GatewayWorkload, thePolicy *security.AuthorizationPolicy) string {
	call := a.callFrom(p, gateway)
	var least []policy.RuleCondition
	for i, rule := range thePolicy.Spec.GetRules() {
		if unmet := policy.UnmetConditions(p.Snapshot, thePolicy, rule, call); i == 0 || len(unmet) < len(least) {
			least = unmet
		}
	}
	var remedies []string
	for _, unmet := range least {
		found := obstacleOf(p, a, gateway, thePolicy, unmet).remedy
		if found == "" {
			return ""
		}
		remedies = append(remedies, found+".")
	}
	return strings.Join(remedies, " ")
}

func obstacleOf(p *checks.Pass, a access, gateway *proxy.GatewayWorkload, policy *security.AuthorizationPolicy, unmet policy.RuleCondition) obstacle {
	call := a.callFrom(p, gateway)
	switch {
	case unmet.LeftOut && call.Ztunnel:
		return obstacle{why: "ztunnel does not know such things, and leaves out the rule that asks for them"}
	case unmet.LeftOut:
		return obstacle{why: "the port is TCP to the pods' proxies, which leave out the rule that asks for something of HTTP"}
	}
	switch unmet.Name {
	case "methods":
		return obstacle{"gRPC is always POST", "Add POST to methods, or leave methods out"}
	case "notMethods":
		return obstacle{"gRPC is always POST", "Take POST out of notMethods"}
	case "hosts":
		return obstacle{
			"the gateway's routes to the port are for " + hostsText(call.Requests) + ", and a gateway leaves the host of a call as it is",
			"Put the host that clients call into hosts, with :* behind it where they name a port, or leave hosts out",
		}
	case "paths":
		if paths := pathsText(call.Requests); paths != "" {
			return obstacle{"the gateway's routes to the port are for " + paths, "Put the paths that the routes are for into paths"}
		}
		return obstacle{
			"the path of a gRPC call is /package.Service/Method",
			"Put /package.Service/Method into paths, or /package.Service/* for all methods of a service",
		}
	case "notPaths":
		return obstacle{"that takes every path", "Name in notPaths only what is not to be called"}
	case "ports", "notPorts", "destination.port":
		return portObstacle(a, unmet)
	case "ipBlocks", "notIpBlocks", "source.ip":
		found := obstacle{why: "the gateway's pods have " + strings.Join(call.Addresses, ", ")}
		if call.MutualTLS {
			found.remedy = fmt.Sprintf("Name the gateway by its namespace (namespaces: [%s]) rather than by addresses, which change", gateway.Namespace)
		}
		return found
	}
	switch {
	case !call.MutualTLS:
		return obstacle{why: "that takes a certificate"}
	case unmet.Negative:
		return obstacle{"the gateway is one of them", "Take the gateway out of " + unmet.Field}
	}
	return identityObstacle(p, call, policy, unmet)
}

func hostsText(shapes []gateway.RequestShape) string {
	return textsOf(shapes, func(shape gateway.RequestShape) string { return shape.Host })
}

// pathsText are the paths that routes are for, empty where one of them is for any.
func pathsText(shapes []gateway.RequestShape) string {
	if slices.ContainsFunc(shapes, func(shape gateway.RequestShape) bool { return shape.Path == "" || shape.Path == "/" }) {
		return ""
	}
	return textsOf(shapes, func(shape gateway.RequestShape) string {
		if shape.Exact {
			return shape.Path
		}
		return shape.Path + "*"
	})
}

func textsOf(shapes []gateway.RequestShape, of func(gateway.RequestShape) string) string {
	var texts []string
	for _, shape := range shapes {
		if text := of(shape); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, ", ")
}

func portObstacle(a access, unmet policy.RuleCondition) obstacle {
	found := obstacle{why: fmt.Sprintf("ports are those of the pods, here %d", a.backend.Port)}
	switch {
	case unmet.Negative:
		found.remedy = fmt.Sprintf("Take %d out of %s", a.backend.Port, unmet.Field)
	case slices.Contains(unmet.Values, strconv.Itoa(int(a.port.Port.Port))):
		found.why += fmt.Sprintf(", and %d is the Service's", a.port.Port.Port)
		found.remedy = fmt.Sprintf("Write %d for %d in ports", a.backend.Port, a.port.Port.Port)
	}
	return found
}

// identityObstacle is for conditions on who the gateway is.
func identityObstacle(p *checks.Pass, call policy.Call, policy *security.AuthorizationPolicy, unmet policy.RuleCondition) obstacle {
	name := strings.TrimPrefix(unmet.Name, "source.")
	account := call.Namespace + "/" + call.ServiceAccount
	path := "/ns/" + call.Namespace + "/sa/" + call.ServiceAccount
	domain := proxy.DefaultMeshConfig(p.Snapshot).GetTrustDomain()
	for _, value := range unmet.Values {
		named, prefixed := strings.CutPrefix(value, "spiffe://")
		isGateway := call.ServiceAccount != "" && strings.HasSuffix(named, path)
		switch {
		case name == "principals" || name == "principal":
			if isGateway && prefixed {
				return obstacle{"principals stand there without spiffe://", "Write the principal as " + domain + path}
			}
			if isGateway {
				return obstacle{"the trust domain of the mesh is " + domain, "Write the principal as " + domain + path}
			}
		case (name == "serviceAccounts" || name == "serviceAccount") && call.ServiceAccount != "" && value == call.ServiceAccount:
			return obstacle{"a service account without a namespace is one of the policy's own, " + policy.Namespace, "Write the service account as " + account}
		case name == "trustDomains" || name == "trustDomain":
			return obstacle{"the trust domain of the mesh is " + domain, "Write the trust domain as " + domain}
		}
	}
	return obstacle{why: "the gateway is none of them"}
}

// turnOnMutualTLS says what keeps the gateway from showing its certificate.
func turnOnMutualTLS(p *checks.Pass, a access, gateway *proxy.GatewayWorkload) string {
	from := checks.Caller{Client: gateway.Client(), Gateway: gateway}
	var steps []string
	for _, subset := range checks.SubsetsCalled(p, a.port) {
		policy := checks.PolicyOf(p, from, a.port, subset)
		if policy.TLS != nil && policy.TLSAt.Rule != nil {
			step := "take tls out of %s"
			if !proxy.DefaultMeshConfig(p.Snapshot).GetEnableAutoMtls().GetValue() {
				step = "let %s say tls: {mode: ISTIO_MUTUAL}"
			}
			steps = append(steps, fmt.Sprintf(step, mesh.KeyOf(policy.TLSAt.Rule)))
		}
	}
	if mode, by := policy.PeerAuthenticationFor(p.Snapshot, a.backend.Namespace, a.backend.Labels, a.backend.Port); mode == policy.MutualTLSDisable && by != nil {
		steps = append(steps, fmt.Sprintf("let %s say PERMISSIVE or STRICT for port %d instead of DISABLE", mesh.KeyOf(by), a.backend.Port))
	} else if mode, by := policy.PeerAuthenticationFor(p.Snapshot, a.backend.Namespace, nil, 0); mode == policy.MutualTLSDisable && by != nil {
		steps = append(steps, fmt.Sprintf("let %s say PERMISSIVE or STRICT instead of DISABLE", mesh.KeyOf(by)))
	}
	if len(steps) == 0 {
		steps = append(steps, fmt.Sprintf("let a DestinationRule for %s say tls: {mode: ISTIO_MUTUAL}", host.ServiceHost(a.port.Service)))
	}
	return "Turn mutual TLS on for these calls: " + strings.Join(slices.Compact(steps), ", and ") + "."
}
