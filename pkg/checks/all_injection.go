package checks

// injectionChecks are the checks of this family, by ID.
func injectionChecks() []*Check {
	return []*Check{
		noInjector,
		namespaceNotInjected,
		injectionLabelsConflict,
		revisionNotFound,
		injectAnnotationIneffective,
		podPredatesInjection,
		proxyRevisionOutdated,
		workloadOptsOut,
		hostNetwork,
		injectorUnavailable,
		namespaceNotDiscovered,
		inboundPortNotCaptured,
		ambientWithoutWaypoint,
		mixedDataplaneModes,
	}
}
