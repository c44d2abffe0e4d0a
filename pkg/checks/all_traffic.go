package checks

// trafficChecks are the checks of this family, by ID.
func trafficChecks() []*Check {
	return []*Check{
		tlsModeConflict,
		connectionLimit,
		notBalancedPerRequest,
		destinationRuleIgnored,
		subsetSelectsNothing,
		streamIdleTimeout,
		filterBuffersStreams,
		destinationRuleHostNotFound,
	}
}
