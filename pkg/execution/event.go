package execution

import (
	"context"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// eventTimeout bounds what is only a courtesy.
const eventTimeout = 5 * time.Second

// RecordEvent leaves an Event on an object; that it could not is a note, no failure.
func RecordEvent(ctx context.Context, streams report.Streams, client *cluster.Client, object mesh.Object, eventType, reason, message string) {
	done, err := interrupt.BeginWriting(ctx)
	if err != nil {
		return
	}
	defer done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), eventTimeout)
	defer cancel()
	if note := client.RecordEvent(ctx, object, eventType, reason, message); note != "" {
		report.Notes(streams, []string{note})
	}
}
