package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// carryOut does what a plan says: the same way for create, delete and lint --fix.
type carryOut struct {
	streams report.Streams
	client  *cluster.Client
	write   writeOptions
	plan    plan.Plan
	// rollouts are the workloads whose pods the plan makes anew.
	rollouts []mesh.Key
	// awaitPort is the Service on which somebody else's controller opens port; nil for none.
	awaitPort *mesh.Key
	port      int32
	// accept judges new pods; nil takes any.
	accept func(*core.Pod) (reason string, ok bool)
	// goOn and goBack are the commands to type after a failure; goBack may be empty.
	goOn, goBack string
	// flagless is for a command without the flags of writeFlags: no message names one.
	flagless bool
	// told are the notes that have been printed: what the rehearsal said need not be said again.
	told []string
}

func (c *carryOut) tell(notes []string) {
	for _, note := range notes {
		if !slices.Contains(c.told, note) {
			c.told = append(c.told, note)
			report.Printf(c.streams.Err, "note: %s\n", note)
		}
	}
}

func (c *carryOut) writeOptions() cluster.WriteOptions {
	return cluster.WriteOptions{FieldManager: c.write.fieldManager, ForceConflicts: c.write.forceConflicts, Flagless: c.flagless}
}

// rehearse has the API server judge every change without storing it: permissions, conflicts, admission webhooks, quotas.
// Only if all of them would pass is anything written at all. With an error the result says which would not.
func (c *carryOut) rehearse(ctx context.Context) (cluster.CheckResult, error) {
	result, err := c.client.Check(ctx, c.plan, c.writeOptions())
	if err != nil {
		return nil, err
	}
	for _, checked := range result {
		c.tell(checked.Notes)
	}
	if err := result.Err(); err != nil {
		return result, fmt.Errorf("nothing was written: %w", err)
	}
	return result, nil
}

// ask shows nothing itself: the plan has been shown. It is an error to answer anything but yes.
func (c *carryOut) ask(ctx context.Context) error {
	if !c.write.interactive {
		return nil
	}
	report.Printf(c.streams.Err, "Go ahead? [y/N] ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(c.streams.In).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		report.Printf(c.streams.Err, "\n")
		return ctx.Err()
	case given := <-answer:
		if given == "y" || given == "yes" {
			return nil
		}
		return errors.New("not confirmed: nothing was written")
	}
}

// apply writes the changes and waits for what they set in motion. After a failure its error is an account: what is done,
// what is not, and how to go on or back.
func (c *carryOut) apply(ctx context.Context) error {
	done, err := interrupt.BeginWriting(ctx)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, c.write.timeout)
	defer cancel()
	result, err := c.client.Apply(ctx, c.plan, cluster.ApplyOptions{WriteOptions: c.writeOptions(), Progress: c.progress})
	if err == nil && c.write.wait {
		err = c.await(ctx)
	}
	if err != nil {
		return c.account(result, err)
	}
	return nil
}

func (c *carryOut) progress(event cluster.Event) {
	switch event.State {
	case cluster.Done:
		report.Printf(c.streams.Err, "%s: %s\n", plan.Name(event.Change.Object), report.ChangeText(event.Change))
	case cluster.Unchanged:
		report.Printf(c.streams.Err, "%s: was so already\n", plan.Name(event.Change.Object))
	}
	c.tell(event.Notes)
}

// await waits for what the changes have set in motion: rollouts one after the other (they run at the same time), and the
// gateway's port.
func (c *carryOut) await(ctx context.Context) error {
	for _, workload := range c.rollouts {
		options := cluster.RolloutOptions{
			Progress: func(line string) { report.Printf(c.streams.Err, "%s: %s\n", workload, line) },
			Accept:   c.accept,
		}
		if err := c.client.WaitRollout(ctx, workload, options); err != nil {
			return err
		}
	}
	if c.awaitPort == nil {
		return nil
	}
	report.Printf(c.streams.Err, "%s: waiting for port %d to be opened\n", *c.awaitPort, c.port)
	return c.client.WaitPortOpen(ctx, types.NamespacedName{Namespace: c.awaitPort.Namespace, Name: c.awaitPort.Name}, c.port)
}

// account says after a failure how things stand.
func (c *carryOut) account(result cluster.ApplyResult, cause error) error {
	var lines linesError
	switch {
	case errors.Is(cause, context.Canceled):
		lines = linesError{"interrupted"}
	case errors.Is(cause, context.DeadlineExceeded):
		lines = linesError{fmt.Sprintf("the time limit of %s was reached", c.write.timeout)}
	default:
		lines = report.ErrorLines(cause)
	}
	line := func(title string, changes ...plan.Change) {
		for _, change := range changes {
			lines = append(lines, fmt.Sprintf("  %-9s %s: %s", title, plan.Name(change.Object), report.ChangeText(change)))
		}
	}
	for _, applied := range result.Done {
		line("done", applied.Change)
	}
	if result.Failed != nil {
		title := "failed"
		if result.Unknown {
			title = "unknown"
		}
		line(title, *result.Failed)
	}
	line("not done", result.NotBegun...)
	lines = append(lines, "To go on:   "+c.goOn)
	if c.goBack != "" && len(result.Done) > 0 {
		lines = append(lines, "To go back: "+c.goBack)
	}
	return &unfinished{linesError: lines, cause: cause}
}

// unfinished is the account of a plan that ended before it was done.
type unfinished struct {
	linesError
	cause error
}

// Unwrap is the cause, but for an interruption: the account is what is printed then.
func (e *unfinished) Unwrap() error {
	if errors.Is(e.cause, context.Canceled) {
		return nil
	}
	return e.cause
}
