// Package workload checks what is wrong with the pods that serve gRPC (GX201 to GX299; ports, probes, readiness).
// Each file holds one check; its cases stand in testdata. It imports pkg/checks, the model and pkg/plan, and no other family.
package workload

import "github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"

// Title says what the family asks.
const Title = "Workload: is a gRPC server behind the port?"

// Checks are the checks of this family, by ID.
func Checks() []*checks.Check {
	return []*checks.Check{
		targetPortNotFound,
		noReadyPods,
		singleReplica,
		noReadinessProbe,
		listensOnLocalhost,
		reservedUID,
		reservedPort,
		probeAgainstMTLS,
		grpcPortNotServed,
	}
}
