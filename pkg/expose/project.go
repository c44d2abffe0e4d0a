package expose

import (
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
)

// project carries the builder's own plan so far into its snapshot.
func (b *builder) project() error {
	projected, err := projection.Of(b.snapshot, b.changes)
	if err != nil {
		return err
	}
	b.snapshot = projected
	if workload := workload.Get(projected, b.workload.Key); workload != nil {
		b.workload = workload
	}
	if b.result.Gateway != nil {
		b.result.Gateway = sameGateway(projected, b.result.Gateway)
	}
	return nil
}

// sameGateway is the gateway workload as another snapshot has it.
func sameGateway(s *mesh.Snapshot, gateway *proxy.GatewayWorkload) *proxy.GatewayWorkload {
	for _, candidate := range proxy.GatewayWorkloads(s) {
		if candidate.Namespace == gateway.Namespace && candidate.Name() == gateway.Name() {
			return candidate
		}
	}
	return gateway
}
