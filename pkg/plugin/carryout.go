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
	// pathGoesLast: the rollouts are over before the rest of the plan begins.
	pathGoesLast bool
	// goOn and goBack are the commands to type after a failure; goBack may be empty.
	goOn, goBack string
	// told are the notes that have been printed: what the rehearsal said need not be said again.
	told []string
}

func (c *carryOut) tell(notes []string) {
	for _, note := range notes {
		if !slices.Contains(c.told, note) {
			c.told = append(c.told, note)
			fmt.Fprintln(c.streams.Err, "note: "+note)
		}
	}
}

func (c *carryOut) writeOptions() cluster.WriteOptions {
	return cluster.WriteOptions{FieldManager: c.write.fieldManager, ForceConflicts: c.write.forceConflicts}
}

// rehearse has the API server judge every change without storing it: permissions, conflicts, admission webhooks, quotas.
// Only if all of them would pass is anything written at all.
func (c *carryOut) rehearse(ctx context.Context) (cluster.CheckResult, error) {
	result, err := c.client.Check(ctx, c.plan, c.writeOptions())
	if err != nil {
		return nil, err
	}
	for _, checked := range result {
		c.tell(checked.Notes)
	}
	if err := result.Err(); err != nil {
		return nil, fmt.Errorf("nothing was written: %w", err)
	}
	return result, nil
}

// ask shows nothing itself: the plan has been shown. It is an error to answer anything but yes.
func (c *carryOut) ask(ctx context.Context) error {
	if !c.write.interactive {
		return nil
	}
	fmt.Fprint(c.streams.Err, "Go ahead? [y/N] ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(c.streams.In).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(c.streams.Err)
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
	done, err := beginWriting(ctx)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, c.write.timeout)
	defer cancel()
	var whole cluster.ApplyResult
	for _, stage := range c.stages() {
		result, err := c.client.Apply(ctx, plan.Plan{Changes: stage}, cluster.ApplyOptions{WriteOptions: c.writeOptions(), Progress: c.progress})
		whole.Done = append(whole.Done, result.Done...)
		whole.Failed, whole.Unknown = result.Failed, result.Unknown
		if err == nil && c.write.wait {
			err = c.await(ctx, stage)
		}
		if err != nil {
			whole.NotBegun = c.notBegun(whole)
			return c.account(whole, err)
		}
	}
	return nil
}

// stages are the parts of the plan between which rollouts are waited for. Taking back has two: the pods are made anew while
// the way to them is still there, so that calls are answered until its end.
func (c *carryOut) stages() [][]plan.Change {
	changes := c.plan.Changes
	if c.pathGoesLast {
		for i := len(changes) - 1; i >= 0; i-- {
			if changes[i].Action == plan.Restart {
				return [][]plan.Change{changes[:i+1], changes[i+1:]}
			}
		}
	}
	return [][]plan.Change{changes}
}

func (c *carryOut) notBegun(result cluster.ApplyResult) []plan.Change {
	begun := len(result.Done)
	if result.Failed != nil {
		begun++
	}
	return c.plan.Changes[begun:]
}

func (c *carryOut) progress(event cluster.Event) {
	switch event.State {
	case cluster.Done:
		fmt.Fprintf(c.streams.Err, "%s: %s\n", plan.Name(event.Change.Object), report.ChangeText(event.Change))
	case cluster.Unchanged:
		fmt.Fprintf(c.streams.Err, "%s: was so already\n", plan.Name(event.Change.Object))
	}
	c.tell(event.Notes)
}

// await waits for what a stage has set in motion: its rollouts one after the other (they run at the same time), and the
// gateway's port.
func (c *carryOut) await(ctx context.Context, stage []plan.Change) error {
	for _, workload := range c.rollouts {
		begins := func(change plan.Change) bool { return isFor(change, workload) }
		if slices.ContainsFunc(c.plan.Changes, begins) && !slices.ContainsFunc(stage, begins) {
			continue // another stage begins it; a rollout that none begins is under way
		}
		options := cluster.RolloutOptions{
			Progress: func(line string) { fmt.Fprintf(c.streams.Err, "%s: %s\n", workload, line) },
			Accept:   c.accept,
		}
		if err := c.client.WaitRollout(ctx, workload, options); err != nil {
			return err
		}
	}
	if c.awaitPort == nil {
		return nil
	}
	fmt.Fprintf(c.streams.Err, "%s: waiting for port %d to be opened\n", *c.awaitPort, c.port)
	return c.client.WaitPortOpen(ctx, types.NamespacedName{Namespace: c.awaitPort.Namespace, Name: c.awaitPort.Name}, c.port)
}

func isFor(change plan.Change, key mesh.Key) bool {
	kind, _ := mesh.KindOf(change.Object.GroupVersionKind().GroupKind())
	return key == mesh.Key{Kind: kind, Namespace: change.Object.GetNamespace(), Name: change.Object.GetName()}
}

// account says after a failure how things stand.
func (c *carryOut) account(result cluster.ApplyResult, cause error) error {
	var b strings.Builder
	switch {
	case errors.Is(cause, context.Canceled):
		b.WriteString("interrupted")
	case errors.Is(cause, context.DeadlineExceeded):
		fmt.Fprintf(&b, "the time limit of %s was reached", c.write.timeout)
	default:
		b.WriteString(cause.Error())
	}
	line := func(title string, changes ...plan.Change) {
		for _, change := range changes {
			fmt.Fprintf(&b, "\n  %-9s %s: %s", title, plan.Name(change.Object), report.ChangeText(change))
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
	fmt.Fprintf(&b, "\nTo go on:   %s", c.goOn)
	if c.goBack != "" && len(result.Done) > 0 {
		fmt.Fprintf(&b, "\nTo go back: %s", c.goBack)
	}
	return errors.New(b.String())
}
