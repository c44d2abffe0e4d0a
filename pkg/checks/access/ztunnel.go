package access

import (
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// enforcements are the exposed ports with the pods behind them and the policies that their sidecars, or ztunnel, hold against whoever
// calls. Unlike accesses they are not about gateways alone: ztunnel stands before pods whose gateway goes through a waypoint, too.
func enforcements(p *checks.Pass) []access {
	var found []access
	for _, port := range checks.PortsInScope(p) {
		for _, backend := range checks.BackendsOf(p, port) {
			byZtunnel := backend.Ambient && (len(backend.Pods) == 0 || proxy.IsRedirected(backend.Pods))
			if !byZtunnel && (backend.Ambient || !backend.Enforces()) {
				continue
			}
			if policies := policy.AuthorizationPoliciesFor(p.Snapshot, backend.Namespace, backend.Labels); len(policies) > 0 {
				found = append(found, access{port, backend, policies})
			}
		}
	}
	return found
}

// waypointAccount is the service account of a waypoint's pods.
// Source: Istio's pilot/pkg/config/kube/gatewaycommon/gateway_utils.go (GetDefaultName) and classinfo.go (DisableNameSuffix), for the
// annotation deploymentcontroller.go.
func waypointAccount(waypoint *gatewayv1.Gateway) string {
	if own := strings.TrimSpace(waypoint.Annotations["gateway.istio.io/service-account"]); own != "" {
		return own
	}
	return waypoint.Name
}

// callFromWaypoint is calls that come to ztunnel from the waypoint.
func (a access) callFromWaypoint(waypoint *gatewayv1.Gateway) policy.Call {
	call := a.anyCall()
	call.AnyCaller, call.MutualTLS = false, true
	call.Namespace, call.ServiceAccount = waypoint.Namespace, waypointAccount(waypoint)
	return call
}
