// Package route checks what keeps a VirtualService from leading calls to a Service (GX501 to GX599; hosts, matches, destinations).
// Each file holds one check; its cases stand in testdata. It imports pkg/checks, the model and pkg/plan, and no other family.
package route

import "github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"

// Title says what the family asks.
const Title = "Route: do calls reach the Service from the listener?"

// Checks are the checks of this family, by ID.
func Checks() []*checks.Check {
	return []*checks.Check{
		gatewayNotFound,
		hostNotOnGateway,
		destinationNotFound,
		destinationPortInvalid,
		subsetNotFound,
		routeKindMismatch,
		routeShadowed,
		ruleUnreachable,
		timeoutCutsStreams,
		retryNotGRPC,
		matchNeverGRPC,
		rewriteBreaksPath,
		notExportedToGateway,
		meshNotBound,
		nonGRPCAction,
		delegateNotMerged,
		serviceEntryDestination,
		meshHostConflict,
		sidecarIngressProtocol,
	}
}
