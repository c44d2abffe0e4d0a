package checks

// accessChecks are the checks of this family, by ID.
func accessChecks() []*Check {
	return []*Check{
		authorizationDeniesGateway,
		authorizationGRPCMethod,
		httpPolicyOnTCPPort,
		networkPolicyBlocksGateway,
		sidecarEgressHidesService,
	}
}
