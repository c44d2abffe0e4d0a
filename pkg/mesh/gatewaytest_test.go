package mesh

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// onlyGateway is the one gateway workload of a snapshot.
func onlyGateway(t testing.TB, s *Snapshot) *GatewayWorkload {
	t.Helper()
	workloads := s.GatewayWorkloads()
	require.Len(t, workloads, 1)
	return workloads[0]
}
