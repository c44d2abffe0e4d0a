package checks

// serviceChecks are the checks of this family, by ID.
func serviceChecks() []*Check {
	return []*Check{
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
	}
}
