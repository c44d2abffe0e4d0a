// Command kubectl-grpcexpose is the kubectl plugin "kubectl grpcexpose".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plugin"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := plugin.Execute(ctx, stop, report.SystemStreams(), os.Args[1:])
	stop()
	os.Exit(code)
}
