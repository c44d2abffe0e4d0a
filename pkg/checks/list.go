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
	}
}
