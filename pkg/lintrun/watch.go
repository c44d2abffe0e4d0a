package lintrun

import (
	"context"
	"sync"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/exitcode"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// watchDebounce is how long changes are gathered before they are judged: a rollout changes many objects at once.
const watchDebounce = 500 * time.Millisecond

// runWatch prints findings as they appear and go, until the user interrupts. That is how a watch ends, so it is no error: the
// exit code says whether something bad is left.
func (o *Options) runWatch(ctx context.Context) error {
	baseline, err := o.readBaseline()
	if err != nil {
		return err
	}
	watching := &lintWatch{options: o, baseline: baseline, reports: map[string]*report.LintReport{}}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var sources sync.WaitGroup
	for _, source := range o.Sources {
		sources.Go(func() {
			if err := watching.follow(inner, source); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	sources.Wait()
	switch {
	case ctx.Err() == nil:
		return context.Cause(inner)
	case watching.failed():
		return exitcode.ErrBadAnswer
	default:
		return nil
	}
}

// lintWatch is what has been printed so far.
type lintWatch struct {
	options  *Options
	baseline knownFindings

	lock sync.Mutex
	// reports are the latest ones, by context.
	reports map[string]*report.LintReport
}

// follow judges one cluster again and again. What goes wrong ends it, and the whole watch.
func (w *lintWatch) follow(ctx context.Context, source Source) error {
	client, err := source.Client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err = client.Watch(ctx, w.options.question(w.options.Target, source.Context).Request(), watchDebounce, func(loaded *cluster.Loaded) {
		judged := &meshToCheck{snapshot: loaded.Snapshot, client: client, context: source.Context, target: w.options.Target}
		found, err := w.options.judge(judged, loaded.Snapshot, w.baseline)
		if err != nil {
			cancel(err)
			return
		}
		made := report.NewLintReport(found, loaded.Snapshot)
		made.InContext(source.Context)
		made.FailOn = w.options.FailOn
		w.show(source.Context, made)
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// show prints how a report differs from the one before it of the same cluster.
func (w *lintWatch) show(context string, made *report.LintReport) {
	w.lock.Lock()
	defer w.lock.Unlock()
	streams := w.options.Streams
	before, again := w.reports[context]
	if err := report.LintDifference(streams.Out, before, made, w.options.Now(), streams.OutColour); err != nil {
		report.Printf(streams.Err, "warning: what was found could not be printed: %s\n", err.Error())
	}
	if !again {
		report.Printf(streams.Err, "%s Watching; press Ctrl-C to end.\n", made.Summary)
	}
	w.reports[context] = made
}

// failed says that something bad is left.
func (w *lintWatch) failed() bool {
	w.lock.Lock()
	defer w.lock.Unlock()
	for _, made := range w.reports {
		if made.Failed() {
			return true
		}
	}
	return false
}
