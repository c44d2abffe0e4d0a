package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/exitcode"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/verify"
)

func (o *createOptions) run(ctx context.Context) error {
	if o.printRBAC {
		return o.printRoles(ctx)
	}
	if o.intent.Offline {
		return o.runOnFiles(ctx)
	}
	client, err := o.clients.client()
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		err := o.attempt(ctx, client, attempt < maxAttempts)
		if !wasOvertaken(err) || attempt == maxAttempts || ctx.Err() != nil {
			return err
		}
		report.Printf(o.streams.Err, "another run has changed what this plan rests on: planning again\n")
	}
}

// maxAttempts bounds how often create plans: other runs of create and delete, at the same time, may each undo what the plan
// rests on once.
const maxAttempts = 5

// errOvertaken says that what was done is not whole any more, because another run has undone a part of it meanwhile.
var errOvertaken = errors.New("another run has undone a part of it meanwhile; run the command again")

// wasOvertaken reports whether planning again may help.
func wasOvertaken(err error) bool {
	_, modified := errors.AsType[*cluster.Modified](err)
	return modified || errors.Is(err, errOvertaken)
}

// attempt plans and carries out once. With again it checks, after all is done, whether it still is.
func (o *createOptions) attempt(ctx context.Context, client *cluster.Client, again bool) error {
	loaded, rights, err := o.read(ctx, client)
	if err != nil {
		return err
	}
	result, err := review.Build(o.intent, loaded.Snapshot)
	if err != nil {
		return review.WithGaps(err, loaded, "create")
	}
	warnings, err := review.Plan(o.intent, loaded.Snapshot, result)
	if err != nil {
		return err
	}
	if len(loaded.Gaps) > 0 {
		result.Plan.Notes = append(result.Plan.Notes, load.GapsText(loaded))
	}
	for _, warning := range warnings {
		result.Plan.Notes = append(result.Plan.Notes, "still, afterwards: "+report.FindingText(warning))
	}
	carrying := o.execution(result)
	carrying.Client, carrying.Rights, carrying.Probe = client, rights, expose.ProbePod(loaded.Snapshot, result)
	wrote, err := carrying.Run(ctx)
	switch {
	case err != nil && wrote && o.lostInjection(ctx, client, result, err):
		return errOvertaken
	case err != nil && wrote:
		execution.RecordEvent(ctx, o.streams, client, result.Workload.Object, core.EventTypeWarning, "ExposeFailed", firstLine(err))
		return err
	case err != nil:
		return err
	case !wrote && o.exitCode && !result.Plan.Empty():
		return exitcode.ErrBadAnswer
	case !wrote:
		return nil
	}
	return o.confirm(ctx, client, result, again)
}

// read reads what the plan depends on, and at the same time what the user may do.
func (o *createOptions) read(ctx context.Context, client *cluster.Client) (loaded *cluster.Loaded, rights *cluster.Access, err error) {
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		rights, err = client.Access(inner, []string{o.intent.Namespace})
		return err
	})
	group.Go(func() (err error) {
		loaded, err = o.load(inner, client)
		return err
	})
	return loaded, rights, group.Wait()
}

func (o *createOptions) load(ctx context.Context, client *cluster.Client) (*cluster.Loaded, error) {
	question := review.ForCreate(o.intent)
	question.GRPCPorts = o.grpcPorts
	loaded, err := load.FromCluster(ctx, client, question)
	if err != nil {
		return nil, err
	}
	return loaded, load.RequireIstio(loaded)
}

// lostInjection reports whether new pods came without a proxy because no injector selects them any more: a run of delete, for another
// workload, has taken the label away that this plan found.
func (o *createOptions) lostInjection(ctx context.Context, client *cluster.Client, result *expose.Result, cause error) bool {
	failed, ok := errors.AsType[*cluster.RolloutFailed](cause)
	if !ok || !failed.Complete {
		return false
	}
	loaded, err := o.load(ctx, client)
	if err != nil {
		return false
	}
	now := workload.Get(loaded.Snapshot, result.Workload.Key)
	return now != nil && !proxy.InjectionOf(loaded.Snapshot, now).Injected
}

func (o *createOptions) execution(result *expose.Result) *execution.Execution {
	e := &execution.Execution{
		Streams: o.streams, Options: o.write, Plan: result.Plan, Namespace: result.Workload.Namespace(), ShowStored: true,
		Heading:  []string{fmt.Sprintf("To expose %s (port %d) on port %d of %s:", result.Workload.Key, result.TargetPort, result.Port, result.Gateway)},
		Nothing:  fmt.Sprintf("%s: nothing to change", result.Workload.Key),
		Rollouts: result.Rollouts, Probed: result.Workload.Key, AwaitPort: result.AwaitPort, Port: result.Port,
		GoOn: o.command, GoBack: undoCommand(result.Workload),
	}
	if o.intent.Inject != expose.InjectNone {
		e.Accept = hasProxy
	}
	return e
}

func hasProxy(pod *core.Pod) (reason string, ok bool) {
	if _, has := proxy.ProxyOf(pod); !has {
		return "it has no proxy although an injector webhook selects it; see the injector's log", false
	}
	return "", true
}

func undoCommand(w *workload.Workload) string {
	return name + " delete " + argumentOf(w.Key)
}

// confirm reads the cluster again: is the path whole, and where is it?
func (o *createOptions) confirm(ctx context.Context, client *cluster.Client, result *expose.Result, again bool) error {
	if !o.write.Wait {
		report.Printf(o.streams.Err, "not waited for, and not confirmed: see %s status %s\n", name, argumentOf(result.Workload.Key))
		return o.printPlan(result, nil)
	}
	loaded, err := load.FromCluster(ctx, client, review.ForPath(result.Workload.Namespace()))
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("interrupted: everything was done, only the look at it afterwards is missing; see %s status %s", name, argumentOf(result.Workload.Key))
	case err != nil:
		return fmt.Errorf("everything was done, but it could not be confirmed: %w", err)
	}
	if now, err := expose.Build(o.intent, loaded.Snapshot); again && err == nil && !now.Plan.Empty() {
		return errOvertaken
	}
	exposure := expose.ExposureOf(result, loaded.Snapshot)
	findings := review.OnPath(o.intent, loaded.Snapshot, result)
	reached, why := review.IsReached(loaded, result.Workload.Key)
	if err := o.printResult(loaded.Snapshot, result, exposure, findings, why); err != nil {
		return err
	}
	if !result.Plan.Empty() && reached {
		execution.RecordEvent(ctx, o.streams, client, result.Workload.Object, core.EventTypeNormal, "Exposed", exposedMessage(result, exposure))
	}
	if o.verify && reached {
		if err := o.call(ctx, client, loaded, result); err != nil {
			return err
		}
	}
	worst := lint.Report{Findings: findings}.Worst()
	if !reached || worst.AtLeast(checks.Error) || o.strict && worst.AtLeast(checks.Warning) {
		return exitcode.ErrBadAnswer
	}
	return nil
}

// call makes the calls of --verify.
func (o *createOptions) call(ctx context.Context, client *cluster.Client, loaded *cluster.Loaded, result *expose.Result) error {
	trial := verify.DefaultTrial
	trial.Patience = configurationPatience
	trial.GatewayWorkload = expose.GatewayWorkloadName(result.Gateway, proxy.GatewayWorkloads(loaded.Snapshot))
	report.Printf(o.streams.Out, "\n")
	calls := &verifyOptions{streams: o.streams, trial: trial}
	return calls.verify(ctx, client, loaded.Snapshot, result.Workload)
}

func exposedMessage(result *expose.Result, exposure expose.Exposure) string {
	where := "at the gateway, which has no address outside yet"
	if len(exposure.Addresses) > 0 {
		where = "at " + exposure.Addresses[0]
	}
	return fmt.Sprintf("gRPC port %d is exposed %s for hosts %s", result.TargetPort, where, strings.Join(exposure.Hosts, ", "))
}

// configurationPatience is how long istiod and the gateway may take until new routes work; it is a second as a rule.
const configurationPatience = 10 * time.Second

func firstLine(err error) string {
	return report.ErrorLines(err)[0]
}
