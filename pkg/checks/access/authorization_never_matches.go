package access

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	securityapi "istio.io/api/security/v1beta1"
	security "istio.io/client-go/pkg/apis/security/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var authorizationNeverMatches = &checks.Check{
	ID:     "GX708",
	Slug:   "authorization-never-matches",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "No caller can meet an ALLOW policy",
	What: "No rule of an ALLOW policy for the pods behind an exposed port can match a call: its `ports` are those of the Service, a path has no " +
		"leading slash, or a principal has a form that no certificate has.",
	Why: "As soon as one ALLOW policy applies to a pod, what none of them matches is refused. `ports` are those of the pods. The path of a gRPC " +
		"call is `/package.Service/Method`. A principal is `trust-domain/ns/namespace/sa/service-account`, without `spiffe://`.",
	Client: "PERMISSION_DENIED: RBAC: access denied, to callers in the mesh too.",
	Bad: example.ShopServer + `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  rules:
  - to: [{operation: {ports: ["8000"]}}]
`,
	Good: example.ShopServer + `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  rules:
  - to: [{operation: {ports: ["50051"]}}]
`,
	Reads:    checks.PolicyReads(mesh.KindAuthorizationPolicy),
	Consults: checks.PolicyConsults(mesh.KindAuthorizationPolicy),
	Since:    "v0.1.0",
	Run:      runAuthorizationNeverMatches,
}

func runAuthorizationNeverMatches(p *checks.Pass) {
	reported := map[*security.AuthorizationPolicy]bool{}
	for _, access := range enforcements(p) {
		for _, found := range access.of(securityapi.AuthorizationPolicy_ALLOW) {
			faults := access.faultsOf(found)
			if len(faults) == 0 || reported[found] {
				continue
			}
			reported[found] = true
			p.Report(checks.Finding{
				Level: checks.ErrorUnlessWeak(access.port), Object: found, Path: plan.PathOf("spec", "rules", 0),
				Message:  fmt.Sprintf("No call to port %d of %s can meet this ALLOW policy: %s.", access.backend.Port, access.backend, faults[0].why),
				Evidence: faultEvidence(faults),
				Symptom:  neverMetSymptom(access),
				Fix:      checks.Fix{Text: faults[0].remedy},
			})
		}
	}
}

func neverMetSymptom(a access) string {
	if a.backend.Ambient {
		return "UNAVAILABLE: ztunnel refuses the connections that no other policy allows"
	}
	return "PERMISSION_DENIED: RBAC: access denied, to all calls that no other policy allows"
}

func faultEvidence(faults []ruleFault) []string {
	var evidence []string
	for _, fault := range faults {
		evidence = append(evidence, fault.condition)
	}
	return evidence
}

// ruleFault is a mistake because of which a rule can match no call at all.
type ruleFault struct{ condition, why, remedy string }

// faultsOf are the mistakes of a policy's rules, one a rule; none where a rule may match something, be it on another port.
func (a access) faultsOf(found *security.AuthorizationPolicy) []ruleFault {
	var faults []ruleFault
	for i, rule := range found.Spec.GetRules() {
		if policy.HasHTTPFields(rule) && (a.isTCP() || a.backend.Ambient) {
			return nil // GX703
		}
		fault, ok := a.faultOf(i, rule)
		if !ok {
			return nil
		}
		faults = append(faults, fault)
	}
	return faults
}

func (a access) faultOf(index int, rule *securityapi.Rule) (fault ruleFault, ok bool) {
	if len(rule.GetFrom()) > 0 && !slices.ContainsFunc(rule.GetFrom(), func(from *securityapi.Rule_From) bool {
		return !noneExists(from.GetSource().GetPrincipals())
	}) {
		values := rule.GetFrom()[0].GetSource().GetPrincipals()
		return ruleFault{
			fmt.Sprintf("rules[%d].from[0].source.principals is [%s]", index, strings.Join(values, ", ")),
			"no certificate has a principal of that form", "Write principals as trust-domain/ns/namespace/sa/service-account, as cluster.local/ns/web/sa/frontend.",
		}, true
	}
	for _, to := range rule.GetTo() {
		operation := to.GetOperation()
		switch {
		case len(operation.GetPaths()) > 0 && !slices.ContainsFunc(operation.GetPaths(), mayBePath):
			fault = ruleFault{
				fmt.Sprintf("rules[%d].to[0].operation.paths is [%s]", index, strings.Join(operation.GetPaths(), ", ")),
				"a path begins with a slash", "Write the path as /package.Service/Method, or /package.Service/* for all methods of a service.",
			}
		case a.namesServicePort(operation.GetPorts()):
			fault = ruleFault{
				fmt.Sprintf("rules[%d].to[0].operation.ports is [%s]", index, strings.Join(operation.GetPorts(), ", ")),
				fmt.Sprintf("its ports are those of Service %s, and the pods listen on %d", a.port.Service.Name, a.backend.Port),
				fmt.Sprintf("Write %d for %d in ports.", a.backend.Port, a.port.Port.Port),
			}
		default:
			return ruleFault{}, false
		}
	}
	return fault, len(rule.GetTo()) > 0
}

// namesServicePort reports whether ports are the Service's port alone, and nothing in the pods listens there as far as they say.
func (a access) namesServicePort(ports []string) bool {
	if len(ports) == 0 || a.port.Port.Port == a.backend.Port {
		return false
	}
	declared := map[string]bool{strconv.Itoa(int(a.backend.Port)): true}
	for _, container := range workload.AppContainers(a.backend.Template) {
		for _, port := range container.Ports {
			declared[strconv.Itoa(int(port.ContainerPort))] = true
		}
	}
	named := false
	for _, port := range ports {
		if declared[port] || !isPortOf(a, port) {
			return false
		}
		named = named || port == strconv.Itoa(int(a.port.Port.Port))
	}
	return named
}

func isPortOf(a access, number string) bool {
	for _, port := range a.port.Service.Spec.Ports {
		if strconv.Itoa(int(port.Port)) == number {
			return true
		}
	}
	return false
}

// mayBePath reports whether a pattern can match a path, which always begins with a slash.
// Source: Istio's pilot/pkg/security/authz/matcher (StringMatcher, PathTemplate).
func mayBePath(pattern string) bool {
	return strings.HasPrefix(pattern, "/") || strings.HasPrefix(pattern, "*")
}

var wholePrincipal = regexp.MustCompile(`^[^/]+/ns/[^/]+/sa/[^/]+$`)

// noneExists reports whether principals are named, and none has a form that a certificate of the mesh can have.
// Source: Istio's pkg/spiffe (Identity.String), which pilot/pkg/security/authz/model/generator.go (srcPrincipalGenerator) matches.
func noneExists(principals []string) bool {
	return len(principals) > 0 && !slices.ContainsFunc(principals, func(principal string) bool {
		isPattern := strings.HasPrefix(principal, "*") || strings.HasSuffix(principal, "*")
		return !strings.HasPrefix(principal, "spiffe://") && (isPattern || wholePrincipal.MatchString(principal))
	})
}
