package lint

import (
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

// Family is the checks of one hop of a call.
type Family struct {
	// ID is what the IDs of its checks begin with.
	ID, Title string
	Checks    []*checks.Check
}

// Families are those of the checks, in the order of a call's hops and of their IDs.
func Families() []Family {
	return []Family{
		{"GX1", injection.Title, injection.Checks()},
		{"GX2", workload.Title, workload.Checks()},
		{"GX3", service.Title, service.Checks()},
		{"GX4", gateway.Title, gateway.Checks()},
		{"GX5", route.Title, route.Checks()},
		{"GX6", traffic.Title, traffic.Checks()},
		{"GX7", access.Title, access.Checks()},
		{"GX8", gatewayapi.Title, gatewayapi.Checks()},
	}
}

// All are the checks, by ID.
func All() []*checks.Check {
	var all []*checks.Check
	for _, family := range Families() {
		all = append(all, family.Checks...)
	}
	return all
}
