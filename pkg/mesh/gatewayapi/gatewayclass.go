package gatewayapi

import (
	"slices"

	core "k8s.io/api/core/v1"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// The controllers of Istio's own GatewayClasses.
const (
	istioGatewayController  = "istio.io/gateway-controller"
	istioWaypointController = "istio.io/mesh-controller"
	istioRemoteController   = "istio.io/unmanaged-gateway"
	istioEastWestController = "istio.io/eastwest-controller"
)

// builtinGatewayClasses are those that istiod serves even where no GatewayClass object stands for them.
// Source: Istio's pilot/pkg/config/kube/gatewaycommon/classinfo.go (GetBuiltinGatewayClasses).
var builtinGatewayClasses = map[string]string{
	"istio":           istioGatewayController,
	"istio-remote":    istioRemoteController,
	"istio-waypoint":  istioWaypointController,
	"istio-east-west": istioEastWestController,
}

// GatewayClassController is the controller that serves Gateways of a class; ok is false where no GatewayClass has the name
// and istiod does not serve it without one.
func GatewayClassController(s *mesh.Snapshot, class string) (controller string, ok bool) {
	if object, found := s.GatewayClasses().Get("", class); found {
		return string(object.Spec.ControllerName), true
	}
	controller, ok = builtinGatewayClasses[class]
	return controller, ok
}

// IsIstioIngress reports whether istiod makes listeners and routes of this Gateway of the Gateway API: it is of a class of Istio's
// gateway controller, neither a waypoint nor the stand-in for another cluster's gateway.
func IsIstioIngress(s *mesh.Snapshot, gateway *gatewayapi.Gateway) bool {
	controller, ok := GatewayClassController(s, string(gateway.Spec.GatewayClassName))
	return ok && controller == istioGatewayController
}

// IsIstios reports whether one of istiod's controllers serves the Gateway, or no controller is known that does.
func IsIstios(s *mesh.Snapshot, gateway *gatewayapi.Gateway) bool {
	controller, known := GatewayClassController(s, string(gateway.Spec.GatewayClassName))
	return !known || slices.Contains([]string{istioGatewayController, istioWaypointController, istioRemoteController, istioEastWestController}, controller)
}

type kubernetesProxiesMemory struct{ *gatewayapi.Gateway }

// KubernetesGatewayWorkloads are the proxies of a Gateway of the Gateway API, by namespace and name: those that istiod made
// for it, or, where its addresses name a Service, those behind that. A Gateway whose proxies are not there yet gives one
// without workload and pods, in the namespace and with the label that they will have.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (extractGatewayServices) and
// pilot/pkg/config/kube/gatewaycommon/gateway_utils.go (IsManaged).
func KubernetesGatewayWorkloads(s *mesh.Snapshot, gateway *gatewayapi.Gateway) []*proxy.GatewayWorkload {
	return mesh.Remember(s, kubernetesProxiesMemory{gateway}, func() []*proxy.GatewayWorkload { return kubernetesProxies(s, gateway) })
}

func kubernetesProxies(s *mesh.Snapshot, gateway *gatewayapi.Gateway) []*proxy.GatewayWorkload {
	services := GatewayServiceAddresses(gateway)
	if services == nil {
		selector := map[string]string{proxy.GatewayNameLabel: gateway.Name}
		if workloads := proxiesSelected(s, gateway.Namespace, selector); len(workloads) > 0 {
			return workloads
		}
		return []*proxy.GatewayWorkload{proxiesToBe(gateway, selector)}
	}
	var workloads []*proxy.GatewayWorkload
	for _, address := range services {
		if service := host.ServiceByHost(s, address); service != nil && len(service.Spec.Selector) > 0 {
			workloads = append(workloads, proxiesSelected(s, service.Namespace, service.Spec.Selector)...)
		}
	}
	return workloads
}

// GatewayServiceAddresses are the hosts of the Services whose proxies serve the Gateway, nil where istiod makes proxies of its own for it.
func GatewayServiceAddresses(gateway *gatewayapi.Gateway) []string {
	addresses := gateway.Spec.Addresses
	if len(addresses) == 0 || (len(addresses) == 1 && (addresses[0].Type == nil || *addresses[0].Type == gatewayapi.IPAddressType)) {
		return nil
	}
	hosts := []string{}
	for _, address := range addresses {
		if address.Type == nil || *address.Type == gatewayapi.HostnameAddressType {
			hosts = append(hosts, host.ResolveHost(address.Value, gateway.Namespace))
		}
	}
	return hosts
}

// IsManaged reports whether istiod makes proxies of its own for a Gateway of the Gateway API.
// Source: Istio's pilot/pkg/config/kube/gatewaycommon/gateway_utils.go (IsManaged).
func IsManaged(gateway *gatewayapi.Gateway) bool { return GatewayServiceAddresses(gateway) == nil }

// proxiesToBe are the proxies that istiod will make for a Gateway.
// Source: Istio's pilot/pkg/config/kube/gatewaycommon/gateway_utils.go (GetDefaultName), for the service account's name.
func proxiesToBe(gateway *gatewayapi.Gateway, selector map[string]string) *proxy.GatewayWorkload {
	template := &core.PodTemplateSpec{}
	template.Labels = selector
	template.Spec.ServiceAccountName = gateway.Name + "-" + string(gateway.Spec.GatewayClassName)
	return &proxy.GatewayWorkload{Namespace: gateway.Namespace, Labels: selector, Template: template}
}

// proxiesSelected are the gateway proxies of a namespace whose pods the labels select.
func proxiesSelected(s *mesh.Snapshot, namespace string, selector map[string]string) []*proxy.GatewayWorkload {
	var proxies []*proxy.GatewayWorkload
	for _, candidate := range proxy.GatewayCandidates(s) {
		if candidate.Namespace == namespace && candidate.IsSelectedBy(selector) {
			proxies = append(proxies, candidate)
		}
	}
	return proxies
}

// ServiceAccount is the one that the gateway's pods run as; known is false where only the pods' metadata is known.
func ServiceAccount(w *proxy.GatewayWorkload) (name string, known bool) {
	switch {
	case w.Template.Spec.ServiceAccountName != "":
		return w.Template.Spec.ServiceAccountName, true
	case len(w.Template.Spec.Containers) > 0:
		return "default", true
	}
	return "", false
}
