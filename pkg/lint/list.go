package lint

import (
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/access"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/injection"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/route"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/service"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/traffic"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/workload"
)

// All are the checks, by ID.
func All() []*checks.Check {
	return slices.Concat(
		injection.Checks(),
		workload.Checks(),
		service.Checks(),
		gateway.Checks(),
		route.Checks(),
		traffic.Checks(),
		access.Checks(),
		gatewayapi.Checks(),
	)
}
