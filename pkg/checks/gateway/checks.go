// Package gateway checks what keeps a gateway from listening for calls (GX401 to GX499; servers, listeners, certificates, load balancers).
// Each file holds one check; its cases stand in testdata. It imports pkg/checks, the model and pkg/plan, and no other family.
package gateway

import "github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"

// Title says what the family asks.
const Title = "Gateway: is there a listener, and can clients reach it?"

// Checks are the checks of this family, by ID.
func Checks() []*checks.Check {
	return []*checks.Check{
		gatewaySelectsNothing,
		gatewayOutOfScope,
		gatewayPortNotOpen,
		nodePortAsGatewayPort,
		privilegedGatewayPort,
		serverPortConflict,
		tlsHostDuplicate,
		serverNotHTTP,
		httpsRedirect,
		tlsOnPlaintextServer,
		credentialNotFound,
		credentialInvalid,
		certificateHostMismatch,
		gatewayUnused,
		noExternalAddress,
		gatewayNotReady,
		loadBalancerNotHTTP2,
		grpcWebNotTranslated,
		managedGatewayClosed,
		gatewayNotInjected,
	}
}
