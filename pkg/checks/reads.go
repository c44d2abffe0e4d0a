package checks

import (
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// PolicyReads are the kinds on which a check of policies of these kinds rests.
func PolicyReads(decisive ...mesh.Kind) []mesh.Kind { return slices.Concat(decisive, ExposureReads) }

// PolicyConsults are the kinds that say besides whom a port is called by and what its pods are, given those that decide.
func PolicyConsults(decisive ...mesh.Kind) []mesh.Kind {
	consulted := slices.Concat(ExposureConsults, []mesh.Kind{mesh.KindWebhook, mesh.KindDestinationRule, mesh.KindPeerAuthentication})
	return slices.DeleteFunc(consulted, func(kind mesh.Kind) bool { return slices.Contains(decisive, kind) })
}

// RouteReads are the kinds that the checks of routes rest on, and RouteConsults those that tell them what is gRPC.
var (
	RouteReads    = []mesh.Kind{mesh.KindVirtualService, mesh.KindGateway, mesh.KindService}
	RouteConsults = slices.Concat(ExposureReads, ExposureConsults, []mesh.Kind{mesh.KindServiceEntry})
)
