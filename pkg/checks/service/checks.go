// Package service checks what keeps a Service from being a gRPC one in Istio's eyes (GX301 to GX399; port protocols, selectors, kinds of Services).
// Each file holds one check; its cases stand in testdata. It imports pkg/checks, the model and pkg/plan, and no other family.
package service

import "github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"

// Title says what the family asks.
const Title = "Service: does Istio know that the port is gRPC?"

// Checks are the checks of this family, by ID.
func Checks() []*checks.Check {
	return []*checks.Check{
		portNotGRPC,
		appProtocolOverridesName,
		selectorMatchesNothing,
		selectorSpansWorkloads,
		headlessService,
		externalNameService,
		serviceProtocolConflict,
		directLoadBalancer,
		portNotTCP,
		serviceEntryConflict,
		tlsServerBehindPlaintext,
		nodeLocalService,
		noEndpoints,
	}
}
