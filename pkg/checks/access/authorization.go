package access

import (
	"fmt"
	"slices"

	securityapi "istio.io/api/security/v1beta1"
	security "istio.io/client-go/pkg/apis/security/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// access is calls that arrive at pods behind an exposed port, and the policies that the pods' proxies hold against them.
type access struct {
	port     *exposure.ExposedPort
	backend  checks.Backend
	policies []*security.AuthorizationPolicy
}

// accesses are those of all exposed ports whose pods have proxies to hold policies against calls, or ztunnel before them.
func accesses(p *checks.Pass) []access {
	var found []access
	for _, port := range checks.PortsInScope(p) {
		for _, backend := range checks.BackendsOf(p, port) {
			if backend.Ambient && !backend.CapturedByZtunnel(p, port.Service) || !backend.Ambient && !backend.Enforces() {
				continue
			}
			if policies := policy.AuthorizationPoliciesFor(p.Snapshot, backend.Namespace, backend.Labels); len(policies) > 0 {
				found = append(found, access{port, backend, policies})
			}
		}
	}
	return found
}

// of are the policies with an action.
func (a access) of(action securityapi.AuthorizationPolicy_Action) []*security.AuthorizationPolicy {
	return slices.DeleteFunc(slices.Clone(a.policies), func(policy *security.AuthorizationPolicy) bool {
		return policy.Spec.GetAction() != action
	})
}

// isTCP reports whether the pods' proxies take the port for TCP, because its protocol is declared and not HTTP. An undeclared one
// they find out.
// Source: Istio's pilot/pkg/networking/networking.go (ModelProtocolToListenerProtocol).
func (a access) isTCP() bool {
	switch a.port.Protocol() {
	case workload.ProtocolTCP, workload.ProtocolTLS, workload.ProtocolHTTPS, workload.ProtocolMongo, workload.ProtocolRedis, workload.ProtocolMySQL:
		return true
	default:
		return false
	}
}

// anyCall is calls of anyone.
func (a access) anyCall() policy.Call {
	return policy.Call{Port: a.backend.Port, TCP: a.isTCP(), Ztunnel: a.backend.Ambient, AnyCaller: true}
}

// callFrom is calls of a gateway, with what the pods' proxies can tell of it.
func (a access) callFrom(p *checks.Pass, gateway *proxy.GatewayWorkload) policy.Call {
	call := a.anyCall()
	sends, known := a.sendsMutualTLS(p, checks.Caller{Client: gateway.Client(), Gateway: gateway})
	if a.backend.Ambient {
		sends = proxy.SendsHBONE(p.Snapshot, gateway)
		known = sends
	}
	if !known {
		return call
	}
	account, _ := gatewayapi.ServiceAccount(gateway)
	call.AnyCaller, call.MutualTLS = false, sends
	call.Namespace, call.ServiceAccount, call.Addresses = gateway.Namespace, account, policy.PeerOf(gateway).Addresses
	call.Requests = a.requestsBy(p, gateway)
	return call
}

// requestsBy are the shapes of the requests that come to the port by the gateway's routes; none where they are not known.
func (a access) requestsBy(p *checks.Pass, gw *proxy.GatewayWorkload) []gateway.RequestShape {
	service, number := a.port.Service, a.port.Port.Port
	if len(gatewayapi.RouteBackendsTo(p.Snapshot, service, number)) > 0 {
		return nil
	}
	var shapes []gateway.RequestShape
	for _, route := range gateway.RoutesTo(p.Snapshot, service, number) {
		if route.Server.Workload == gw && route.Shadowed == nil {
			shapes = append(shapes, route.RequestShape())
		}
	}
	return shapes
}

// sendsMutualTLS says whether the gateway shows its certificate to the pods, through all subsets that it calls them by; known is
// false where these differ.
func (a access) sendsMutualTLS(p *checks.Pass, gateway checks.Caller) (sends, known bool) {
	for _, subset := range checks.SubsetsCalled(p, a.port) {
		if !checks.IsOfSubset(p, gateway, a.port, subset, a.backend) {
			continue
		}
		through, sure := policy.SendsMutualTLS(p.Snapshot, checks.PolicyOf(p, gateway, a.port, subset), a.port.Service, a.backend.Labels, a.backend.Port)
		if !sure || known && through != sends {
			return false, false
		}
		sends, known = through, true
	}
	return sends, known
}

// identityText says as whom a gateway's calls come.
func identityText(gateway *proxy.GatewayWorkload, call policy.Call) string {
	switch {
	case call.AnyCaller:
		return fmt.Sprintf("%s calls the pods", checks.GatewayText(gateway))
	case !call.MutualTLS:
		return fmt.Sprintf("calls of %s carry no certificate (mutual TLS is off), so they have no principal and no namespace", checks.GatewayText(gateway))
	case call.ServiceAccount == "":
		return fmt.Sprintf("calls of %s come from namespace %s", checks.GatewayText(gateway), call.Namespace)
	}
	return fmt.Sprintf("calls of %s come as ns/%s/sa/%s", checks.GatewayText(gateway), call.Namespace, call.ServiceAccount)
}

// letsNothingIn reports whether there are ALLOW policies and no rule of theirs can match the calls.
func (a access) letsNothingIn(p *checks.Pass, call policy.Call) bool {
	allows := a.of(securityapi.AuthorizationPolicy_ALLOW)
	return len(allows) > 0 && !slices.ContainsFunc(allows, func(rule *security.AuthorizationPolicy) bool {
		return policy.Matches(p.Snapshot, rule, call) > policy.Never
	})
}
