package plugin

import (
	"context"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/rbac"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
)

// printRoles prints the least Roles for create with these flags. Where the cluster can be asked, they are for the gateways and
// Secrets that it has; else for where Istio's own ingress gateway is, and another one's namespace is the reader's to change.
func (o *createOptions) printRoles(ctx context.Context) error {
	return rbac.Print(o.streams.Out, "grpcexpose-create", review.RightsForCreate(o.intent, o.verify, o.asFound(ctx)))
}

// asFound is the cluster as far as it can be read, nil where it cannot.
func (o *createOptions) asFound(ctx context.Context) *mesh.Snapshot {
	if o.clients == nil || o.intent.Offline || o.clients.nowhere() {
		return nil
	}
	client, err := o.clients.client()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	loaded, err := o.load(ctx, client)
	if err != nil {
		return nil
	}
	return loaded.Snapshot
}

// lookTimeout bounds how long Roles wait for a cluster that they can do without.
const lookTimeout = 15 * time.Second
