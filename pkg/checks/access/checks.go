// Package access checks what denies calls (GX701 to GX799; AuthorizationPolicies, NetworkPolicies, Sidecars).
// Each file holds one check; its cases stand in testdata. It imports pkg/checks, the model and pkg/plan, and no other family.
package access

import "github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"

// Title says what the family asks.
const Title = "Access: are the calls allowed?"

// Checks are the checks of this family, by ID.
func Checks() []*checks.Check {
	return []*checks.Check{
		authorizationDeniesGateway,
		authorizationGRPCMethod,
		httpPolicyOnTCPPort,
		networkPolicyBlocksGateway,
		sidecarEgressHidesService,
		customProviderBroken,
		policyLeavesWaypointOut,
		authorizationNeverMatches,
	}
}
