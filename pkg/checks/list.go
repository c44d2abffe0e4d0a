package checks

// All are the checks, by ID.
func All() []*Check {
	return []*Check{
		targetPortNotFound,
		noReadyPods,
		singleReplica,
		noReadinessProbe,
		listensOnLocalhost,
		reservedUID,
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
