package gatewayapi

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var routeNotAccepted = &checks.Check{
	ID:     "GX806",
	Slug:   "route-not-accepted",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The controller's own status says that it does not serve the object",
	What: "The status of a GRPCRoute, of an HTTPRoute that may lead to gRPC, or of their Gateway or waypoint has Accepted, ResolvedRefs or Programmed false, " +
		"and no other check explains it.",
	Why: "Controllers of the Gateway API write into the status what they make of an object. A route that is not accepted is not served; one whose " +
		"references are not resolved answers 500 for them; a Gateway or listener that is not programmed does not listen.",
	Client: "UNIMPLEMENTED, UNKNOWN or UNAVAILABLE, in this order of cases.",
	Bad: example.ShopServer + example.ShopAPIGateway + example.ShopAPIRoute + `status:
  parents:
  - parentRef: {name: edge}
    controllerName: istio.io/gateway-controller
    conditions:
    - {type: Accepted, status: "False", reason: UnsupportedValue, message: unsupported filter, lastTransitionTime: "2026-01-01T00:00:00Z"}
`,
	Good: example.ShopServer + example.ShopAPIGateway + example.ShopAPIRoute + `status:
  parents:
  - parentRef: {name: edge}
    controllerName: istio.io/gateway-controller
    conditions:
    - {type: Accepted, status: "True", reason: Accepted, message: Route was valid, lastTransitionTime: "2026-01-01T00:00:00Z"}
`,
	Reads:    append(append([]mesh.Kind{}, apiRouteReads...), mesh.KindService, mesh.KindReferenceGrant),
	Consults: checks.WithoutKinds(apiRouteConsults, mesh.KindService, mesh.KindReferenceGrant),
	Since:    "v0.1.0",
	Passing:  true,
	Run:      runRouteNotAccepted,
}

func runRouteNotAccepted(p *checks.Pass) {
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		if of := p.APIRouteRelevance(route); p.LostInScope(of) {
			judgeRouteStatus(p, route, p.LevelFor(of, checks.Error))
		}
	}
	relevances := checks.GatewaysOfGRPC(p)
	for _, gateway := range p.KubernetesGateways().All() {
		if of, judged := relevances[gateway]; judged {
			judgeGatewayStatus(p, gateway, of)
		}
	}
}

func judgeRouteStatus(p *checks.Pass, route *gatewayapi.APIRoute, level checks.Level) {
	for i, parent := range route.Status {
		if !gatewayapi.ServesRoute(p.Snapshot, route, parent) {
			continue
		}
		for j, condition := range parent.Conditions {
			if !checks.Refuses(condition, route.Object) || explainsRoute(p, route, parent, condition) {
				continue
			}
			symptom := routeNotServed
			if condition.Type == string(gatewayv1.RouteConditionResolvedRefs) {
				symptom = "UNKNOWN: the gateway answers 500"
			}
			p.Report(statusFinding(route.Object, level, plan.PathOf("status", "parents", i, "conditions", j),
				string(parent.ControllerName), condition, symptom))
			return
		}
	}
}

// explainsRoute reports whether the condition is about what other checks judge by the objects themselves: whether the parent takes the
// route (GX801 to GX803), and whether its backends are there and granted (GX804, GX805).
func explainsRoute(p *checks.Pass, route *gatewayapi.APIRoute, status gatewayv1.RouteParentStatus, condition metav1.Condition) bool {
	references := slices.Concat(route.Backends, route.Mirrors)
	switch gatewayv1.RouteConditionReason(condition.Reason) {
	case gatewayv1.RouteReasonRefNotPermitted:
		// One that is granted by now counts as well: the controller has not yet looked again.
		return slices.ContainsFunc(references, func(backend gatewayapi.APIBackend) bool {
			return backend.IsService() && backend.Namespace(route) != route.Key.Namespace
		})
	case gatewayv1.RouteReasonBackendNotFound:
		return slices.ContainsFunc(references, func(backend gatewayapi.APIBackend) bool { return isLostBackend(p, route, backend) })
	}
	return condition.Type == string(gatewayv1.RouteConditionAccepted) &&
		slices.ContainsFunc(routeParents(p, route), func(parent gatewayapi.RouteParent) bool {
			return gatewayapi.SameParent(parent.Reference, status.ParentRef, route.Key.Namespace) && !parent.Attached()
		})
}

func judgeGatewayStatus(p *checks.Pass, gateway *gatewayv1.Gateway, gatewayOf checks.GatewayRelevance) {
	name := string(gateway.Spec.GatewayClassName)
	_, served := gatewayapi.GatewayClassController(p.Snapshot, name)
	if class, found := p.GatewayClasses().Get("", name); !served || found && isRefusedClass(class) {
		return // GX807
	}
	explained := false
	for i, listener := range gateway.Status.Listeners {
		if isNotGranted(listener) || isShutOutByProtocol(p, gateway, listener) {
			explained = true // GX805, GX802
			continue
		}
		of := gatewayOf.OfListener(listener.Name)
		if !p.LostInScope(of) {
			continue
		}
		for j, condition := range listener.Conditions {
			if checks.Refuses(condition, gateway) {
				finding := statusFinding(gateway, p.LevelFor(of, checks.Error), plan.PathOf("status", "listeners", i, "conditions", j), "its controller", condition,
					notProgrammed(gateway, "UNAVAILABLE: the listener is not there"))
				finding.Evidence = append(finding.Evidence, fmt.Sprintf("this is the status of listener %q", listener.Name))
				p.Report(softenWaiting(gateway, condition, finding))
				return
			}
		}
	}
	for i, condition := range gateway.Status.Conditions {
		if checks.Refuses(condition, gateway) && !explained && p.LostInScope(gatewayOf.All) {
			p.Report(softenWaiting(gateway, condition, statusFinding(gateway, p.LevelFor(gatewayOf.All, checks.Error), plan.PathOf("status", "conditions", i),
				"its controller", condition, notProgrammed(gateway, "UNAVAILABLE: the gateway does not listen"))))
			return
		}
	}
}

// softenWaiting makes a warning of what keeps a Gateway from outside only: it has no address yet, or its controller is not done with it.
// The proxies listen all the same.
func softenWaiting(gateway *gatewayv1.Gateway, condition metav1.Condition, finding checks.Finding) checks.Finding {
	waiting := []string{string(gatewayv1.GatewayReasonAddressNotAssigned), string(gatewayv1.GatewayReasonPending)}
	if condition.Type != string(gatewayv1.GatewayConditionProgrammed) || !slices.Contains(waiting, condition.Reason) {
		return finding
	}
	finding.Level = checks.Warning
	if !checks.IsWaypoint(gateway) {
		finding.Symptom = "UNAVAILABLE for clients outside the cluster, which find no address; inside the cluster calls through the gateway's Service succeed"
		finding.Fix.Text = "Give the gateway's Service an address (a load balancer that assigns one, or another type of Service), or wait for its controller."
	}
	return finding
}

// notProgrammed is what clients see of a Gateway that is not programmed: callers in the mesh go past a waypoint that has no address.
func notProgrammed(gateway *gatewayv1.Gateway, otherwise string) string {
	if checks.IsWaypoint(gateway) && gatewayapi.WaypointPending(gateway) {
		return "callers in the mesh go past the waypoint: a client keeps all its calls on one pod"
	}
	return otherwise
}

// isNotGranted reports whether the listener's references are refused for want of a ReferenceGrant.
func isNotGranted(listener gatewayv1.ListenerStatus) bool {
	return slices.ContainsFunc(listener.Conditions, func(condition metav1.Condition) bool {
		return condition.Reason == string(gatewayv1.ListenerReasonRefNotPermitted) && condition.Status == metav1.ConditionFalse
	})
}

// isShutOutByProtocol reports whether the listener's protocol is one that there is not, and that GX802 says so of a route.
func isShutOutByProtocol(p *checks.Pass, gateway *gatewayv1.Gateway, listener gatewayv1.ListenerStatus) bool {
	unsupported := slices.ContainsFunc(listener.Conditions, func(condition metav1.Condition) bool {
		return condition.Reason == string(gatewayv1.ListenerReasonUnsupportedProtocol) && condition.Status == metav1.ConditionFalse
	})
	return unsupported && slices.ContainsFunc(gatewayapi.APIRoutes(p.Snapshot), func(route *gatewayapi.APIRoute) bool {
		return p.LostInScope(p.APIRouteRelevance(route)) && slices.ContainsFunc(gatewayapi.GatewayParents(p.Snapshot, route), func(parent gatewayapi.RouteParent) bool {
			return parent.Gateway == gateway && refusesByProtocol(parent, listener.Name)
		})
	})
}

// refusesByProtocol reports whether GX802 speaks of a listener's protocol, and that this listener of the parent has such a one as well.
func refusesByProtocol(parent gatewayapi.RouteParent, name gatewayv1.SectionName) bool {
	isProtocol := func(match gatewayapi.ListenerMatch) bool {
		return match.Attachment == gatewayapi.KindShutOut && !checks.SpeaksHTTP(match.Listener)
	}
	first, ok := shutOut(parent)
	return ok && isProtocol(first) && slices.ContainsFunc(parent.Listeners, func(match gatewayapi.ListenerMatch) bool {
		return match.Listener.Name == name && isProtocol(match)
	})
}

func statusFinding(object mesh.Object, level checks.Level, path plan.Path, controller string, condition metav1.Condition, symptom string) checks.Finding {
	return checks.Finding{
		Level: level, Object: object, Path: path,
		Message:  fmt.Sprintf("By the word of %s, %s is false: %s: %s.", controller, condition.Type, condition.Reason, condition.Message),
		Evidence: []string{fmt.Sprintf("condition %s of the status, reason %s", condition.Type, condition.Reason)},
		Symptom:  symptom,
		Fix:      checks.Fix{Text: "Change what the reason names; the controller then judges the object anew."},
	}
}
