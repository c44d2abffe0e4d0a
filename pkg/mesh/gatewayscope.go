package mesh

import (
	"slices"
	"strconv"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"
)

// GatewayInScope says whether istiod gives a Gateway to a gateway workload that its selector matches: with
// PILOT_SCOPE_GATEWAY_TO_NAMESPACE=true only where both are in one namespace.
// Source: Istio pilot/pkg/model/push_context.go (initGateways, mergeGateways), pilot/pkg/features/pilot.go.
func (s *Snapshot) GatewayInScope(gateway *networking.Gateway, w *GatewayWorkload) bool {
	return gateway.Namespace == w.Namespace || !s.scopesGateways(w)
}

// scopesGateways asks the control planes that may be the gateway's: all must say so.
func (s *Snapshot) scopesGateways(w *GatewayWorkload) bool {
	return Remember(s, scopeMemory{w}, func() bool {
		planes := s.controlPlanesOf(w)
		return len(planes) > 0 && !slices.ContainsFunc(planes, func(plane *Workload) bool {
			scoped, _ := strconv.ParseBool(environmentOf(plane.Template, "PILOT_SCOPE_GATEWAY_TO_NAMESPACE"))
			return !scoped
		})
	})
}

// controlPlanesOf are those of the gateway's own revision; where the revision is not known, or no control plane has it (it may be
// a tag), all of them; none where its own may be one that nobody has seen.
func (s *Snapshot) controlPlanesOf(w *GatewayWorkload) []*Workload {
	controlPlanes := s.controlPlanes()
	revision := gatewayRevision(w)
	own := slices.DeleteFunc(slices.Clone(controlPlanes), func(plane *Workload) bool {
		return environmentOf(plane.Template, "REVISION") != revision
	})
	if revision != "" && len(own) > 0 {
		return own
	}
	if _, unknown := s.Unknown(KindDeployment, "", ""); unknown {
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
func (s *Snapshot) controlPlanes() []*Workload {
	return Remember(s, controlPlanesMemory{}, func() []*Workload {
		var planes []*Workload
		for _, workload := range s.Workloads() {
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

// environmentOf is the plain value of an environment variable in any container of the template, or "".
func environmentOf(template *core.PodTemplateSpec, name string) string {
	for _, container := range template.Spec.Containers {
		for _, variable := range container.Env {
			if variable.Name == name {
				return strings.TrimSpace(variable.Value)
			}
		}
	}
	return ""
}

// gatewaysSelecting are the Gateways that a workload gets, in istiod's order.
func (s *Snapshot) gatewaysSelecting(w *GatewayWorkload) []*networking.Gateway {
	byWorkload := Remember(s, gatewaysByWorkloadMemory{}, func() map[*GatewayWorkload][]*networking.Gateway {
		gateways := map[*GatewayWorkload][]*networking.Gateway{}
		for _, gateway := range s.gatewaysByAge() {
			for _, workload := range s.GatewayWorkloadsSelected(gateway) {
				if s.GatewayInScope(gateway, workload) {
					gateways[workload] = append(gateways[workload], gateway)
				}
			}
		}
		return gateways
	})
	return byWorkload[w]
}

type gatewaysByWorkloadMemory struct{}

// gatewaysByAge are all Gateways in istiod's order.
func (s *Snapshot) gatewaysByAge() []*networking.Gateway {
	gateways := slices.Clone(s.Gateways().All())
	slices.SortStableFunc(gateways, func(a, b *networking.Gateway) int { return compareAge(a, b) })
	return gateways
}
