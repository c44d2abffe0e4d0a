package checks

// workloadChecks are the checks of this family, by ID.
func workloadChecks() []*Check {
	return []*Check{
		targetPortNotFound,
		noReadyPods,
		singleReplica,
		noReadinessProbe,
		listensOnLocalhost,
		reservedUID,
	}
}
