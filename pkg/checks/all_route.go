package checks

// routeChecks are the checks of this family, by ID.
func routeChecks() []*Check {
	return []*Check{
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
	}
}
