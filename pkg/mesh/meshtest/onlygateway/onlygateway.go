// Package onlygateway finds the one gateway of a test's mesh.
package onlygateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// OnlyGateway is the one gateway workload of a snapshot.
func OnlyGateway(t testing.TB, s *mesh.Snapshot) *proxy.GatewayWorkload {
	t.Helper()
	workloads := proxy.GatewayWorkloads(s)
	require.Len(t, workloads, 1)
	return workloads[0]
}
