package checks

// gatewayChecks are the checks of this family, by ID.
func gatewayChecks() []*Check {
	return []*Check{
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
	}
}
