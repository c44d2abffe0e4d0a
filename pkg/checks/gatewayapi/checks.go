// Package gatewayapi checks what is wrong with routes and Gateways of the Gateway API (GX801 to GX899; attachment, grants, backends).
// Each file holds one check; its cases stand in testdata. It imports pkg/checks, the model and pkg/plan, and no other family.
package gatewayapi

import "github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"

// Title says what the family asks.
const Title = "Gateway API: the same path with GRPCRoute"

// Checks are the checks of this family, by ID.
func Checks() []*checks.Check {
	return []*checks.Check{
		parentNotFound,
		routeNotAllowed,
		hostnameMismatch,
		backendNotFound,
		referenceNotGranted,
		routeNotAccepted,
		gatewayClassNotFound,
		httpRouteForGRPC,
		listenerCertificate,
		ruleWithoutBackend,
		routeKindsConflict,
		listenerSetRefused,
		routeNotPerCall,
		gatewayAddress,
	}
}
