package checks

// gatewayAPIChecks are the checks of this family, by ID.
func gatewayAPIChecks() []*Check {
	return []*Check{
		parentNotFound,
		routeNotAllowed,
		hostnameMismatch,
		backendNotFound,
		referenceNotGranted,
		routeNotAccepted,
		gatewayClassNotFound,
		httpRouteForGRPC,
	}
}
