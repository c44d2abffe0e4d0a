package gateway

import (
	"cmp"
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// StatusPort is where gateways answer health checks of load balancers. Source: Istio's gateway chart.
const StatusPort = 15021

// OpenPort is a port of a gateway's Service.
type OpenPort struct {
	Service *core.Service
	Port    *core.ServicePort
	// TargetPort is the container port number that it leads to.
	TargetPort int32
}

// disablePortTranslationLabel on a Service keeps istiod from looking server ports up among the Service's ports.
// Source: Istio pilot/pkg/model/gateway.go (DisableGatewayPortTranslationLabel).
const disablePortTranslationLabel = "experimental.istio.io/disable-gateway-port-translation"

// OpenPorts are the TCP ports through which the gateway is reached, by Service and number; 15021 (status) is among them. A
// port whose named target no container declares leads nowhere and is left out.
func OpenPorts(s *mesh.Snapshot, w *proxy.GatewayWorkload) []OpenPort {
	return mesh.Remember(s, openPortsMemory{w}, func() []OpenPort {
		var open []OpenPort
		for _, service := range w.Services {
			for i := range service.Spec.Ports {
				port := &service.Spec.Ports[i]
				if port.Protocol != core.ProtocolTCP {
					continue
				}
				if target, ok := targetPort(w, port); ok {
					open = append(open, OpenPort{Service: service, Port: port, TargetPort: target})
				}
			}
		}
		slices.SortStableFunc(open, func(a, b OpenPort) int {
			return cmp.Or(cmp.Compare(a.Service.Name, b.Service.Name), cmp.Compare(a.Port.Port, b.Port.Port))
		})
		return open
	})
}

type openPortsMemory struct{ workload *proxy.GatewayWorkload }

// ListenerPorts are the ports that a Gateway server with this number listens on, on that workload: the targetPort of the
// first Service port with the number (Services by age, then name), or the number itself. open is false where no Service port
// leads to the listener and the pods are not reached through the node either.
// Source: Istio pilot/pkg/model/gateway.go (resolvePorts, for Gateways with a selector), context.go (SetServiceTargets).
func ListenerPorts(s *mesh.Snapshot, w *proxy.GatewayWorkload, number uint32) (ports []int32, open bool) {
	listener := int32(number)
	for _, target := range serviceTargets(s, w) {
		if target.Port.Port == listener {
			listener = target.TargetPort
			break
		}
	}
	reached := slices.ContainsFunc(OpenPorts(s, w), func(port OpenPort) bool { return port.TargetPort == listener })
	return []int32{listener}, reached || reachedThroughNode(w, listener)
}

// serviceTargets are the Service ports among which istiod looks a server's number up, in its order. Of several ports of one
// Service that lead to the same target with the same protocol only the first counts.
// Source: Istio pilot/pkg/serviceregistry/kube/controller/controller.go (GetProxyServiceTargetsByPod).
func serviceTargets(s *mesh.Snapshot, w *proxy.GatewayWorkload) []OpenPort {
	return mesh.Remember(s, serviceTargetsMemory{w}, func() []OpenPort {
		type target struct {
			port     int32
			protocol workload.Protocol
		}
		var targets []OpenPort
		for _, service := range servicesByAge(w.Services) {
			if _, off := service.Labels[disablePortTranslationLabel]; off {
				continue
			}
			seen := map[target]bool{}
			for i := range service.Spec.Ports {
				port := &service.Spec.Ports[i]
				number, ok := targetPort(w, port)
				if !ok || seen[target{number, workload.ServicePortProtocol(port)}] {
					continue
				}
				seen[target{number, workload.ServicePortProtocol(port)}] = true
				targets = append(targets, OpenPort{Service: service, Port: port, TargetPort: number})
			}
		}
		return targets
	})
}

// NotLookedUp says as a clause why istiod does not look a server's number up at an open port of the gateway, empty where it
// does, or where another Service has the number too.
// Source: that of serviceTargets and ListenerPorts.
func NotLookedUp(s *mesh.Snapshot, w *proxy.GatewayWorkload, open *OpenPort) string {
	if _, off := open.Service.Labels[disablePortTranslationLabel]; off {
		return "the label " + disablePortTranslationLabel + " on the Service keeps istiod from looking targetPorts up there"
	}
	for _, target := range serviceTargets(s, w) {
		if target.Service == open.Service && target.TargetPort == open.TargetPort && target.Port.Port != open.Port.Port &&
			workload.ServicePortProtocol(target.Port) == workload.ServicePortProtocol(open.Port) {
			return fmt.Sprintf("of the ports that lead to %d istiod looks up the first only, %d", target.TargetPort, target.Port.Port)
		}
	}
	return ""
}

type serviceTargetsMemory struct{ workload *proxy.GatewayWorkload }

// servicesByAge orders as istiod does: by creation, then by host name.
func servicesByAge(services []*core.Service) []*core.Service {
	ordered := slices.Clone(services)
	slices.SortStableFunc(ordered, func(a, b *core.Service) int {
		return cmp.Or(
			a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
			cmp.Compare(a.Name+"."+a.Namespace, b.Name+"."+b.Namespace),
		)
	})
	return ordered
}

// targetPort is TargetPort in the gateway's pods. Where the containers are not known, a named target is taken to lead to the
// port's own number.
func targetPort(w *proxy.GatewayWorkload, port *core.ServicePort) (number int32, ok bool) {
	number, _, ok = workload.TargetPort(port, w.Template)
	if !ok && len(w.Template.Spec.Containers) == 0 {
		return port.Port, true
	}
	return number, ok
}

// reachedThroughNode reports whether pods are reached at the node's own address: on its network, or by a hostPort.
func reachedThroughNode(w *proxy.GatewayWorkload, port int32) bool {
	if w.Template.Spec.HostNetwork {
		return true
	}
	return slices.ContainsFunc(workload.ServingContainers(&w.Template.Spec), func(container *core.Container) bool {
		return slices.ContainsFunc(container.Ports, func(declared core.ContainerPort) bool {
			return declared.ContainerPort == port && declared.HostPort != 0
		})
	})
}
