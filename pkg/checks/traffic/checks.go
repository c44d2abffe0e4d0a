// Package traffic checks what cuts calls or leaves them unbalanced (GX601 to GX699; DestinationRules, timeouts, EnvoyFilters).
// Each file holds one check; its cases stand in testdata. It imports pkg/checks, the model and pkg/plan, and no other family.
package traffic

import "github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"

// Title says what the family asks.
const Title = "Traffic policy: is each call balanced, and not cut off?"

// Checks are the checks of this family, by ID.
func Checks() []*checks.Check {
	return []*checks.Check{
		tlsModeConflict,
		connectionLimit,
		notBalancedPerRequest,
		destinationRuleIgnored,
		subsetSelectsNothing,
		streamIdleTimeout,
		filterBuffersStreams,
		destinationRuleHostNotFound,
		peersDialPodIPs,
	}
}
