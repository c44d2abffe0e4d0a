package gatewayapi

import (
	"fmt"
	"strconv"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// The labels that lead from a Service or a namespace to its waypoint, and the one that says what a waypoint is for.
const (
	LabelUseWaypoint          = "istio.io/use-waypoint"
	LabelUseWaypointNamespace = "istio.io/use-waypoint-namespace"
	LabelWaypointFor          = "istio.io/waypoint-for"

	labelIngressUseWaypoint = "istio.io/ingress-use-waypoint"
)

// WaypointUse is what a Service's labels, and those of its namespace, say about the waypoint for calls to the Service.
type WaypointUse struct {
	// OnService says that the Service's own label decides, not the namespace's.
	OnService bool
	// OptedOut says that the label is "none".
	OptedOut bool
	// Named is the waypoint that the label names; empty where there is no label.
	Named types.NamespacedName
	// Gateway is the one of that name, nil if there is none.
	Gateway *gatewayapi.Gateway
	// Refused says why the waypoint does not take calls to the Service, as a clause; empty if it does.
	Refused string
}

// InUse reports whether calls to the Service go through a waypoint.
func (u WaypointUse) InUse() bool { return u.Gateway != nil && u.Refused == "" }

// WaypointOf says which waypoint calls to the Service go through.
// Source: Istio's pilot/pkg/serviceregistry/ambient/waypoints.go (fetchWaypointForService, GetUseWaypoint).
func WaypointOf(s *mesh.Snapshot, service *core.Service) WaypointUse {
	use := waypointNamed(service.Labels, service.Namespace)
	_, use.OnService = service.Labels[LabelUseWaypoint]
	if !use.OnService {
		use = waypointNamed(proxy.NamespaceLabels(s, service.Namespace), service.Namespace)
	}
	if use.Named.Name == "" {
		return use
	}
	if gateway, ok := s.KubernetesGateways().Get(use.Named.Namespace, use.Named.Name); ok {
		use.Gateway = gateway
		use.Refused = WaypointRefuses(s, gateway, service)
	}
	return use
}

// IngressMayUseWaypoint reports whether gateways call the Service through its waypoint, as far as is known: a label of the Service, or
// else of its namespace, asks for it, and a waypoint is named. Without the label they go past the waypoint.
// Source: Istio's pilot/pkg/serviceregistry/ambient/services.go (ingressUseWaypointFromLabels) and
// pilot/pkg/xds/endpoints/endpoint_builder.go (findServiceWaypoint).
func IngressMayUseWaypoint(s *mesh.Snapshot, service *core.Service) bool {
	asked, stated := service.Labels[labelIngressUseWaypoint]
	if !stated {
		asked = proxy.NamespaceLabels(s, service.Namespace)[labelIngressUseWaypoint]
	}
	uses, _ := strconv.ParseBool(asked)
	return uses && WaypointOf(s, service).Named.Name != ""
}

func waypointNamed(objectLabels map[string]string, namespace string) WaypointUse {
	name, ok := objectLabels[LabelUseWaypoint]
	if !ok || name == "none" {
		return WaypointUse{OptedOut: ok}
	}
	if override, ok := objectLabels[LabelUseWaypointNamespace]; ok {
		namespace = override
	}
	return WaypointUse{Named: types.NamespacedName{Namespace: namespace, Name: name}}
}

// WaypointRefuses says why a waypoint leaves calls to a Service alone: it is an ingress gateway, its pods have not come up
// yet, it is for workloads only, or its listener does not let the Service's namespace in. A Gateway without any status is a
// manifest: it is taken to come up.
// Source: Istio's pilot/pkg/serviceregistry/ambient/waypoints.go (gatewayToWaypointTransform, makeAllowedRoutes); for classes
// pilot/pkg/config/kube/gatewaycommon/classinfo.go.
func WaypointRefuses(s *mesh.Snapshot, gateway *gatewayapi.Gateway, service *core.Service) string {
	if IsIstioIngress(s, gateway) {
		return "it is no waypoint: its class " + string(gateway.Spec.GatewayClassName) + " is one of ingress gateways"
	}
	if WaypointPending(gateway) {
		return "it has no address yet, because none of its pods is ready"
	}
	if traffic, takesServices := WaypointTraffic(s, gateway); !takesServices {
		return "it is a waypoint for " + traffic + " traffic, not for Services" + statedByClass(gateway)
	}
	if !waypointLetsIn(s, gateway, service.Namespace) {
		return "its listener does not let in namespace " + service.Namespace
	}
	return ""
}

// WaypointTraffic is what a waypoint is for, and whether calls to Services are part of it.
func WaypointTraffic(s *mesh.Snapshot, gateway *gatewayapi.Gateway) (traffic string, takesServices bool) {
	traffic = "service"
	if class, ok := s.GatewayClasses().Get("", string(gateway.Spec.GatewayClassName)); ok && class.Labels[LabelWaypointFor] != "" {
		traffic = class.Labels[LabelWaypointFor]
	}
	if stated, ok := gateway.Labels[LabelWaypointFor]; ok {
		traffic = stated
	}
	return traffic, traffic == "service" || traffic == "all"
}

// statedByClass says, as the end of a clause, that what a waypoint is for stands on its GatewayClass.
func statedByClass(gateway *gatewayapi.Gateway) string {
	if _, ok := gateway.Labels[LabelWaypointFor]; ok {
		return ""
	}
	return fmt.Sprintf(", by the label %s of its GatewayClass %s", LabelWaypointFor, gateway.Spec.GatewayClassName)
}

// WaypointPending reports whether a waypoint's controller has judged it and none of its pods was ready so far.
func WaypointPending(gateway *gatewayapi.Gateway) bool {
	return len(gateway.Status.Conditions) > 0 && len(gateway.Status.Addresses) == 0
}

func waypointLetsIn(s *mesh.Snapshot, gateway *gatewayapi.Gateway, namespace string) bool {
	allowed := waypointAllows(gateway)
	from := gatewayapi.NamespacesFromSame
	if allowed != nil && allowed.From != nil {
		from = *allowed.From
	}
	switch from {
	case gatewayapi.NamespacesFromAll:
		return true
	case gatewayapi.NamespacesFromSelector:
		return workload.SelectorOf(allowed.Selector).Matches(labels.Set(proxy.NamespaceLabels(s, namespace)))
	default:
		return gateway.Namespace == namespace
	}
}

// waypointAllows are the namespaces that the waypoint's HBONE listener lets in, nil if it does not say.
func waypointAllows(gateway *gatewayapi.Gateway) *gatewayapi.RouteNamespaces {
	for _, listener := range gateway.Spec.Listeners {
		if listener.Protocol == "HBONE" && listener.Port == 15008 && listener.AllowedRoutes != nil {
			return listener.AllowedRoutes.Namespaces
		}
	}
	return nil
}
