package proxy

import (
	"slices"
	"strconv"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// GatewayInScope reports whether istiod gives a Gateway to a gateway workload that its selector matches: with
// PILOT_SCOPE_GATEWAY_TO_NAMESPACE=true only where both are in one namespace.
// Source: Istio pilot/pkg/model/push_context.go (initGateways, mergeGateways), pilot/pkg/features/pilot.go.
func GatewayInScope(s *mesh.Snapshot, gateway *networking.Gateway, w *GatewayWorkload) bool {
	return gateway.Namespace == w.Namespace || !scopesGateways(s, w)
}

// scopesGateways asks the control planes that may be the gateway's: all must say so.
func scopesGateways(s *mesh.Snapshot, w *GatewayWorkload) bool {
	return mesh.Remember(s, scopeMemory{w}, func() bool {
		planes := controlPlanesOf(s, w)
		return len(planes) > 0 && !slices.ContainsFunc(planes, func(plane *workload.Workload) bool {
			scoped, _ := strconv.ParseBool(EnvironmentOf(plane.Template, "PILOT_SCOPE_GATEWAY_TO_NAMESPACE"))
			return !scoped
		})
	})
}

// controlPlanesOf are those of the gateway's own revision; where the revision is not known, or no control plane has it (it may be
// a tag), all of them; none where its own may be one that nobody has seen.
func controlPlanesOf(s *mesh.Snapshot, w *GatewayWorkload) []*workload.Workload {
	controlPlanes := controlPlanes(s)
	revision := gatewayRevision(w)
	own := slices.DeleteFunc(slices.Clone(controlPlanes), func(plane *workload.Workload) bool {
		return EnvironmentOf(plane.Template, "REVISION") != revision
	})
	if revision != "" && len(own) > 0 {
		return own
	}
	if _, unknown := s.Unknown(mesh.KindDeployment, "", ""); unknown {
		return nil
	}
	return controlPlanes
}

type scopeMemory struct{ workload *GatewayWorkload }

// gatewayRevision is the revision of the control plane that injected the running proxies, else the one (or the tag) that their
// template names; empty where neither says.
func gatewayRevision(w *GatewayWorkload) string {
	for _, pod := range w.Pods {
		if proxy, ok := ProxyOf(pod); ok && proxy.Revision != "" {
			return proxy.Revision
		}
	}
	if revision := w.Labels[LabelRevision]; revision != "" {
		return revision
	}
	return w.Template.Annotations[LabelRevision]
}

type controlPlanesMemory struct{}

// controlPlanes are the workloads that run istiod: their first argument is "discovery", or they are labelled app=istiod.
func controlPlanes(s *mesh.Snapshot) []*workload.Workload {
	return mesh.Remember(s, controlPlanesMemory{}, func() []*workload.Workload {
		var planes []*workload.Workload
		for _, workload := range workload.Workloads(s) {
			runs := slices.ContainsFunc(workload.Template.Spec.Containers, func(container core.Container) bool {
				return container.Name == "discovery" && slices.Contains(container.Args, "discovery")
			})
			if runs || workload.Template.Labels["app"] == "istiod" {
				planes = append(planes, workload)
			}
		}
		return planes
	})
}

// EnvironmentOf is the plain value of an environment variable in any container of the template, or "".
func EnvironmentOf(template *core.PodTemplateSpec, name string) string {
	for _, container := range template.Spec.Containers {
		for _, variable := range container.Env {
			if variable.Name == name {
				return strings.TrimSpace(variable.Value)
			}
		}
	}
	return ""
}

// GatewaysSelecting are the Gateways that a workload gets, in istiod's order.
func GatewaysSelecting(s *mesh.Snapshot, w *GatewayWorkload) []*networking.Gateway {
	byWorkload := mesh.Remember(s, gatewaysByWorkloadMemory{}, func() map[*GatewayWorkload][]*networking.Gateway {
		gateways := map[*GatewayWorkload][]*networking.Gateway{}
		for _, gateway := range GatewaysByAge(s) {
			for _, workload := range GatewayWorkloadsSelected(s, gateway) {
				if GatewayInScope(s, gateway, workload) {
					gateways[workload] = append(gateways[workload], gateway)
				}
			}
		}
		return gateways
	})
	return byWorkload[w]
}

type gatewaysByWorkloadMemory struct{}

// GatewaysByAge are all Gateways in istiod's order.
func GatewaysByAge(s *mesh.Snapshot) []*networking.Gateway {
	gateways := slices.Clone(s.Gateways().All())
	slices.SortStableFunc(gateways, func(a, b *networking.Gateway) int { return mesh.CompareAge(a, b) })
	return gateways
}
