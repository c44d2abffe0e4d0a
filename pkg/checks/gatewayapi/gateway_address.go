package gatewayapi

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var gatewayAddress = &checks.Check{
	ID:     "GX814",
	Slug:   "gateway-address",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The Service that the Gateway's address names is not there, or does not open the listener's port",
	What: "A Gateway (of the Gateway API) on the path of gRPC calls names a gateway's Service in `spec.addresses` (type Hostname), and that " +
		"Service does not exist, or has no port with the number of a listener.",
	Why: "With such an address istiod creates no proxies of its own: the pods behind the Service serve the listeners. A listener's port is the " +
		"number of a port of that Service, from which istiod takes the port of the pods.",
	Client:   "UNAVAILABLE: nothing listens.",
	Bad:      example.ShopServer + exampleAddressedGateway(8080) + example.ShopAPIRoute,
	Good:     example.ShopServer + exampleAddressedGateway(80) + example.ShopAPIRoute,
	Reads:    append(append([]mesh.Kind{}, apiRouteReads...), mesh.KindService),
	Consults: append(checks.WithoutKinds(apiRouteConsults, mesh.KindService), mesh.KindServiceEntry),
	Since:    "v0.1.0",
	Run:      runGatewayAddress,
}

func exampleAddressedGateway(port int) string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: istio
  addresses: [{type: Hostname, value: istio-ingressgateway.istio-system.svc.cluster.local}]
  listeners:
  - {name: grpc, port: %d, protocol: HTTP}
---
`, port)
}

func runGatewayAddress(p *checks.Pass) {
	relevances := checks.GatewaysOfGRPC(p)
	for _, gateway := range p.KubernetesGateways().All() {
		of, judged := relevances[gateway]
		hosts := gatewayapi.GatewayServiceAddresses(gateway)
		if !judged || len(hosts) == 0 || !gatewayapi.IsIstioIngress(p.Snapshot, gateway) {
			continue
		}
		services, complete := addressedServices(p, gateway, of.All)
		if !complete {
			continue
		}
		for i := range gateway.Spec.Listeners {
			listener := &gateway.Spec.Listeners[i]
			judgeListenerPort(p, gateway, listener, plan.PathOf("spec", "listeners", i, "port"), services, of.OfListener(listener.Name))
		}
		for _, set := range gatewayapi.ListenerSetsOf(p.Snapshot, gateway) {
			for i, listener := range set.Listeners {
				judgeListenerPort(p, set.Object, listener.Listener, plan.PathOf("spec", "listeners", i, "port"), services, of.All)
			}
		}
	}
}

// addressedServices are the Services that the Gateway's addresses name, and reports those that are not there; complete is false where one
// is not, or may be there unseen.
func addressedServices(p *checks.Pass, gateway *gatewayv1.Gateway, of checks.Relevance) (services []*core.Service, complete bool) {
	complete = true
	for i, address := range gateway.Spec.Addresses {
		if address.Type != nil && *address.Type != gatewayv1.HostnameAddressType {
			continue
		}
		name := host.ResolveHost(address.Value, gateway.Namespace)
		if service := host.ServiceByHost(p.Snapshot, name); service != nil {
			services = append(services, service)
			continue
		}
		complete = false
		if len(host.ServiceEntriesByHost(p.Snapshot, name)) > 0 || !p.LostInScope(of) || !checks.IsHostMissing(p, name) {
			continue
		}
		finding := checks.Finding{
			Object: gateway, Path: plan.PathOf("spec", "addresses", i, "value"), Level: p.LevelFor(of, checks.Error),
			Message: fmt.Sprintf("The Gateway's address %s is the host of no Service: no proxies serve its listeners.", address.Value),
			Symptom: "UNAVAILABLE: nothing listens",
			Fix:     checks.Fix{Text: "Write the full name of the gateway's Service (name.namespace.svc.cluster.local), or leave addresses out: istiod then creates proxies for the Gateway."},
		}
		for _, meant := range checks.ServicesMeant(p, address.Value) {
			finding.Evidence = append(finding.Evidence, "there is "+mesh.KeyOf(meant).String())
		}
		p.Report(finding)
	}
	return services, complete
}

// judgeListenerPort reports a listener whose port none of the Services has.
// Source: Istio's pilot/pkg/model/push_context.go (mergeGateways), gateway.go (mergeGateways) and gatewayresolver (ResolveGatewayInstances).
func judgeListenerPort(p *checks.Pass, object mesh.Object, listener *gatewayv1.Listener, path plan.Path, services []*core.Service, of checks.Relevance) {
	opens := func(service *core.Service) bool { return checks.HasPort(service, listener.Port) }
	if len(services) == 0 || slices.ContainsFunc(services, opens) || !checks.SpeaksHTTP(listener) || !p.LostInScope(of) {
		return
	}
	var names, evidence []string
	for _, service := range services {
		names = append(names, service.Namespace+"/"+service.Name)
		evidence = append(evidence, portsEvidence(service, listener.Port)...)
	}
	p.Report(checks.Finding{
		Object: object, Path: path, Level: p.LevelFor(of, checks.Error),
		Message: fmt.Sprintf("Listener %q is on port %d, which Service %s does not have: its pods do not open it.",
			listener.Name, listener.Port, strings.Join(names, ", ")),
		Evidence: evidence,
		Symptom:  "UNAVAILABLE: nothing listens on the port",
		Fix:      checks.Fix{Text: fmt.Sprintf("Give the listener a port of the Service, or add port %d to the Service.", listener.Port)},
	})
}
