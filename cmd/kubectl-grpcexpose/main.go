// Command kubectl-grpcexpose is the kubectl plugin "kubectl grpcexpose".
package main

import (
	"context"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"k8s.io/klog/v2"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plugin"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// gcPercent is a little less than Go's 100: of a large cluster nearly everything that is read is kept, so that collecting earlier
// costs hardly any time and saves memory.
const gcPercent = 60

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	streams := report.SystemStreams()
	// What libraries log has names from files and clusters in it too.
	log.SetOutput(streams.Err)
	klog.SetSlogLogger(slog.New(slog.NewTextHandler(streams.Err, nil)))
	code := plugin.Execute(ctx, stop, streams, os.Args[1:])
	stop()
	os.Exit(code)
}
