package checks

import "slices"

// All are the checks, by ID.
func All() []*Check {
	return slices.Concat(
		injectionChecks(),
		workloadChecks(),
		serviceChecks(),
		gatewayChecks(),
		routeChecks(),
		trafficChecks(),
		accessChecks(),
		gatewayAPIChecks(),
	)
}
