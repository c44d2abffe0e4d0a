package access

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	securityapi "istio.io/api/security/v1beta1"
	security "istio.io/client-go/pkg/apis/security/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var authorizationGRPCMethod = &checks.Check{
	ID:     "GX702",
	Slug:   "authorization-grpc-method",
	Levels: []checks.Level{checks.Error},
	Title:  "A gRPC method stands where HTTP verbs belong",
	What:   "An AuthorizationPolicy names a gRPC method in `methods` or `notMethods`.",
	Why: "`methods` is held against the HTTP verb, and gRPC calls are always POST. The name of a gRPC method is the path of the request: " +
		"`paths: [/pkg.Service/Method]`.",
	Client: "PERMISSION_DENIED for calls that an ALLOW rule was to let in; calls that a DENY rule was to stop are let in.",
	Bad: example.ShopServer + example.ShopRoute + `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  rules:
  - to: [{operation: {methods: [/shop.v1.Orders/Get]}}]
`,
	Good: example.ShopServer + example.ShopRoute + `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  rules:
  - to: [{operation: {methods: [POST], paths: [/shop.v1.Orders/Get]}}]
`,
	Reads:    checks.PolicyReads(mesh.KindAuthorizationPolicy),
	Consults: checks.PolicyConsults(),
	Since:    "v0.1.0",
	Run:      runAuthorizationGRPCMethod,
}

func runAuthorizationGRPCMethod(p *checks.Pass) {
	served := policiesOfExposed(p)
	for _, policy := range p.AuthorizationPolicies().All() {
		var names []string
		var at plan.Path
		var field string
		movable := true
		for i, rule := range policy.Spec.GetRules() {
			for j, to := range rule.GetTo() {
				operation := to.GetOperation()
				found := slices.DeleteFunc(slices.Concat(operation.GetMethods(), operation.GetNotMethods()), func(name string) bool {
					return !namesGRPC(name, served[policy])
				})
				if len(found) > 0 && len(names) == 0 {
					field = methodsField(operation, found[0])
					at = plan.PathOf("spec", "rules", i, "to", j, "operation", field)
				}
				names = append(names, found...)
				movable = movable && !slices.ContainsFunc(found, func(name string) bool { return pathOfMethod(name) == "" })
			}
		}
		if len(names) > 0 {
			var changes []plan.Change
			if movable {
				changes = moveToPaths(p, policy, served[policy])
			}
			p.Report(checks.Finding{
				Object:   policy,
				Path:     at,
				Message:  wrongNamesText(field, names),
				Evidence: []string{"gRPC calls are POST requests; what they call is their path"},
				Symptom:  wrongNamesSymptom(policy.Spec.GetAction(), field),
				Fix: checks.Fix{
					Text:    "Put the names into paths.",
					Level:   checks.Ask,
					Changes: changes,
				},
			})
		}
	}
}

// wrongNamesText says what is wrong with the names in methods or notMethods.
func wrongNamesText(field string, names []string) string {
	if len(names) == 1 {
		return fmt.Sprintf("%s takes HTTP verbs, and %s is the name of a gRPC method: no call has it as its verb.", field, names[0])
	}
	return fmt.Sprintf("%s takes HTTP verbs, and %s are names of gRPC methods: no call has one of them as its verb.", field, strings.Join(names, ", "))
}

// wrongNamesSymptom is what becomes of the calls that the names stand for.
func wrongNamesSymptom(action securityapi.AuthorizationPolicy_Action, field string) string {
	excepts := field == "notMethods"
	switch {
	case action == securityapi.AuthorizationPolicy_ALLOW && !excepts:
		return "PERMISSION_DENIED for calls that the ALLOW rule was to let in"
	case action == securityapi.AuthorizationPolicy_ALLOW:
		return "Calls that the ALLOW rule was to leave out are let in"
	case action == securityapi.AuthorizationPolicy_DENY && !excepts:
		return "Calls that the DENY rule was to stop are let in"
	case action == securityapi.AuthorizationPolicy_DENY:
		return "PERMISSION_DENIED for calls that the DENY rule was to spare"
	}
	return "The rule does not tell apart the calls that it names"
}

// policiesOfExposed are the policies that apply to workloads behind exposed ports.
func policiesOfExposed(p *checks.Pass) map[*security.AuthorizationPolicy]bool {
	served := map[*security.AuthorizationPolicy]bool{}
	for workload := range exposure.ExposedWorkloads(p.Snapshot) {
		for _, policy := range policy.AuthorizationPoliciesFor(p.Snapshot, workload.Namespace(), workload.Template.Labels) {
			served[policy] = true
		}
	}
	return served
}

// methodsField is the field of an operation that holds the name.
func methodsField(operation *securityapi.Operation, name string) string {
	if slices.Contains(operation.GetMethods(), name) {
		return "methods"
	}
	return "notMethods"
}

var (
	// dottedName is a service with its package, perhaps with a method: pkg.Service, pkg.Service.Method.
	dottedName = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*\.)+([A-Z][A-Za-z0-9_]*\.)?[A-Z][A-Za-z0-9_]*$`)
	// serviceName is a service, with its package or without.
	serviceName = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*\.)*[A-Z][A-Za-z0-9_]*$`)
	// methodName is a method without its service, in the way that gRPC's own style guide writes it.
	methodName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*$`)
	verbs      = []string{"get", "head", "post", "put", "patch", "delete", "options", "connect", "trace"}
)

// namesGRPC reports whether an entry of methods is a gRPC name: a path, or a package with its service; beside an exposed port also a
// bare method name, or the beginning or end of one. HTTP verbs in the wrong case are not.
func namesGRPC(entry string, exposed bool) bool {
	name := strings.Trim(entry, "*")
	switch {
	case strings.Contains(entry, "/"):
		return exposed || host.IsMethodPath(pathOfMethod(strings.TrimSuffix(entry, "*")))
	case strings.Contains(entry, "."):
		return exposed || dottedName.MatchString(name)
	case slices.Contains(verbs, strings.ToLower(name)):
		return false
	}
	return exposed && methodName.MatchString(name)
}

// pathOfMethod is the path that a gRPC name stands for; a bare method is that method of any service, and a service is all of its
// methods. It is empty for what no path of an AuthorizationPolicy can say: the beginning of a method of any service.
func pathOfMethod(name string) string {
	switch service, method := splitLast(name); {
	case strings.HasPrefix(name, "/") || strings.HasPrefix(name, "*"):
		return name
	case strings.Contains(name, "/"):
		return "/" + name
	case service == "" && strings.HasSuffix(name, "*"):
		return ""
	case service == "":
		return "*/" + name
	case serviceName.MatchString(service):
		return "/" + service + "/" + method
	case method == "*":
		return "/" + name
	}
	return "/" + name + "/*"
}

// splitLast takes a name apart at its last dot.
func splitLast(name string) (before, after string) {
	at := strings.LastIndexByte(name, '.')
	return name[:max(at, 0)], name[at+1:]
}

func moveToPaths(p *checks.Pass, policy *security.AuthorizationPolicy, exposed bool) []plan.Change {
	return checks.Update(p, policy, "gRPC methods are paths", func(form *unstructured.Unstructured) []plan.Edit {
		var edits []plan.Edit
		for i, rule := range policy.Spec.GetRules() {
			for j, to := range rule.GetTo() {
				operation := to.GetOperation()
				at := []string{"spec", "rules", strconv.Itoa(i), "to", strconv.Itoa(j), "operation"}
				edits = append(edits, moveNames(form, at, "methods", "paths", operation.GetMethods(), operation.GetPaths(), exposed)...)
				edits = append(edits, moveNames(form, at, "notMethods", "notPaths", operation.GetNotMethods(), operation.GetNotPaths(), exposed)...)
			}
		}
		return edits
	})
}

// moveNames moves the gRPC names of one list of an operation to another.
func moveNames(form *unstructured.Unstructured, at []string, from, to string, methods, paths []string, exposed bool) []plan.Edit {
	var kept, moved []any
	for _, path := range paths {
		moved = append(moved, path)
	}
	for _, method := range methods {
		if namesGRPC(method, exposed) {
			moved = append(moved, pathOfMethod(method))
		} else {
			kept = append(kept, method)
		}
	}
	if len(kept) == len(methods) {
		return nil
	}
	var rest any
	if len(kept) > 0 {
		rest = kept
	}
	return []plan.Edit{
		plan.Set(form, moved, append(slices.Clone(at), to)...),
		plan.Set(form, rest, append(slices.Clone(at), from)...),
	}
}
