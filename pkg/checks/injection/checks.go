// Package injection checks what keeps pods from having a proxy, or the proxy from taking calls (GX101 to GX199; webhooks, revisions, labels, ambient mode).
// Each file holds one check; its cases stand in testdata. It imports pkg/checks, the model and pkg/plan, and no other family.
package injection

import "github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"

// Title says what the family asks.
const Title = "Injection: will the pods have a proxy?"

// Checks are the checks of this family, by ID.
func Checks() []*checks.Check {
	return []*checks.Check{
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
		callerWithoutProxy,
		configOfOtherRevision,
		kindIgnored,
	}
}
