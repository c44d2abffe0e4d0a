package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
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

// attempt plans and carries out once. With again it looks, after all is done, whether it still is.
func (o *createOptions) attempt(ctx context.Context, client *cluster.Client, again bool) error {
	access := make(chan func() (*cluster.Access, error), 1)
	go func() {
		// In parallel with the loading: one question, needed only when the plan is known.
		rights, err := client.Access(ctx, []string{o.intent.Namespace})
		access <- func() (*cluster.Access, error) { return rights, err }
	}()
	loaded, err := loadForCreate(ctx, client, o.intent)
	if err != nil {
		return err
	}
	result, err := build(o.intent, loaded.Snapshot)
	if err != nil {
		return withGaps(err, loaded, "create")
	}
	warnings, err := o.review(loaded.Snapshot, result)
	if err != nil {
		return err
	}
	if len(loaded.Gaps) > 0 {
		result.Plan.Notes = append(result.Plan.Notes, gapsText(loaded))
	}
	for _, warning := range warnings {
		result.Plan.Notes = append(result.Plan.Notes, "still, afterwards: "+findingText(warning))
	}
	rights, err := (<-access)()
	if err != nil {
		return err
	}
	return o.carryOut(ctx, client, rights, loaded, result, again)
}

func (o *createOptions) carryOut(ctx context.Context, client *cluster.Client, rights *cluster.Access, loaded *cluster.Loaded, result *expose.Result, again bool) error {
	if err := o.show(result); err != nil {
		return err
	}
	doing := o.execution(client, result)
	if o.write.dryRun == dryRunClient {
		return o.dryRunAnswer(result)
	}
	if err := requirePermissions(ctx, rights, result.Plan); err != nil {
		return err
	}
	rehearsal, err := o.rehearse(ctx, client, doing, loaded.Snapshot, result)
	if err != nil {
		return err
	}
	if o.write.dryRun == dryRunServer {
		if err := o.showStored(rehearsal, result.Workload.Namespace()); err != nil {
			return err
		}
		return o.dryRunAnswer(result)
	}
	if err := doing.ask(ctx); err != nil {
		return err
	}
	if err := doing.apply(ctx); err != nil {
		if o.lostInjection(ctx, client, result, err) {
			return errOvertaken
		}
		o.recordEvent(ctx, client, result, core.EventTypeWarning, "ExposeFailed", firstLine(err))
		return err
	}
	return o.confirm(ctx, client, result, again)
}

// rehearse has every change and a pod of the rollout judged, at the same time.
func (o *createOptions) rehearse(ctx context.Context, client *cluster.Client, doing *carryOut, snapshot *mesh.Snapshot, result *expose.Result) (cluster.CheckResult, error) {
	probed := make(chan error, 1)
	go func() { probed <- o.probePod(ctx, client, snapshot, result) }()
	rehearsal, err := doing.rehearse(ctx)
	return rehearsal, errors.Join(err, <-probed)
}

// lostInjection reports whether new pods came without a proxy because no injector selects them any more: a run of delete, for another
// workload, has taken the label away that this plan found.
func (o *createOptions) lostInjection(ctx context.Context, client *cluster.Client, result *expose.Result, cause error) bool {
	failed, ok := errors.AsType[*cluster.RolloutFailed](cause)
	if !ok || !failed.Complete {
		return false
	}
	loaded, err := loadForCreate(ctx, client, o.intent)
	if err != nil {
		return false
	}
	now := workload.Get(loaded.Snapshot, result.Workload.Key)
	return now != nil && !proxy.InjectionOf(loaded.Snapshot, now).Injected
}

func (o *createOptions) execution(client *cluster.Client, result *expose.Result) *carryOut {
	doing := &carryOut{
		streams: o.streams, client: client, write: o.write, plan: result.Plan,
		rollouts: result.Rollouts, awaitPort: result.AwaitPort, port: result.Port,
		goOn: o.command, goBack: undoCommand(result.Workload),
	}
	if o.intent.Inject != expose.InjectNone {
		doing.accept = hasProxy
	}
	return doing
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

// show prints the plan: as a summary, as a diff, or with -o in a dry run as what is to be.
func (o *createOptions) show(result *expose.Result) error {
	dryRun := o.write.dryRun != dryRunNone
	switch {
	case o.write.output == "plan" && dryRun:
		return report.PlanJSON(o.streams.Out, report.PlanReport{Plan: result.Plan, DryRun: true})
	case o.write.output != "" && o.write.output != "plan" && o.write.dryRun == dryRunClient:
		printNotes(o.streams, result.Plan.Notes)
		return printManifests(o.streams, result.Plan, result.Workload.Namespace(), o.write.output, false)
	case (o.write.output == "yaml" || o.write.output == "json") && o.write.dryRun == dryRunServer:
		_, notes, err := forRepository(result.Plan, result.Workload.Namespace())
		printNotes(o.streams, append(slices.Clone(result.Plan.Notes), notes...))
		return err
	case o.write.output != "":
		printNotes(o.streams, result.Plan.Notes)
		return nil
	}
	if result.Plan.Empty() {
		report.Printf(o.streams.Out, "%s: nothing to change\n", result.Workload.Key)
		printNotes(o.streams, result.Plan.Notes)
		return nil
	}
	report.Printf(o.streams.Out, "To expose %s (port %d) on port %d of %s:\n\n", result.Workload.Key, result.TargetPort, result.Port, result.Gateway)
	if err := report.PlanText(o.streams.Out, result.Plan, o.streams.OutColour); err != nil {
		return err
	}
	report.Printf(o.streams.Out, "\n")
	if !o.write.diff || o.write.dryRun == dryRunServer {
		return nil
	}
	differences, err := report.PlanDifferences(result.Plan)
	if err != nil {
		return err
	}
	return report.Diff(o.streams.Out, differences, o.streams.OutColour)
}

func printNotes(streams report.Streams, notes []string) {
	for _, note := range notes {
		report.Printf(streams.Err, "note: %s\n", note)
	}
}

// showStored prints what the API server would store: with its defaults, and with what admission adds.
func (o *createOptions) showStored(rehearsal cluster.CheckResult, namespace string) error {
	var differences []report.Difference
	for _, checked := range rehearsal {
		if same, err := isNoMatterOfManifests(checked.Change); err != nil {
			return err
		} else if (o.write.output == "yaml" || o.write.output == "json") && (same || isOthers(checked.Change, namespace)) {
			continue
		}
		differences = append(differences, report.Difference{
			Name: objectName(checked.Change), Before: checked.Change.Before(), After: checked.Stored,
		})
	}
	switch {
	case o.write.diff:
		return report.Diff(o.streams.Out, differences, o.streams.OutColour)
	case o.write.output != "" && o.write.output != "plan":
		return report.Objects(o.streams.Out, afterOf(differences), o.write.output)
	default:
		return nil
	}
}

func (o *createOptions) dryRunAnswer(result *expose.Result) error {
	if o.write.output == "" {
		report.Printf(o.streams.Err, "dry run (%s): nothing was written\n", o.write.dryRun)
	}
	if o.exitCode && !result.Plan.Empty() {
		return errBadAnswer
	}
	return nil
}

// confirm looks at the cluster again: is the path whole, and where is it?
func (o *createOptions) confirm(ctx context.Context, client *cluster.Client, result *expose.Result, again bool) error {
	if !o.write.wait {
		report.Printf(o.streams.Err, "not waited for, and not confirmed: see %s status %s\n", name, argumentOf(result.Workload.Key))
		return o.printPlan(result, nil)
	}
	loaded, err := loadPath(ctx, client, result.Workload.Namespace())
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
	findings := o.withoutAsked(onExposedPath(loaded.Snapshot, result))
	reached, why := o.isReached(loaded, result)
	if err := o.printResult(loaded.Snapshot, result, exposure, findings, why); err != nil {
		return err
	}
	if !result.Plan.Empty() && reached {
		o.recordEvent(ctx, client, result, core.EventTypeNormal, "Exposed", exposedMessage(result, exposure))
	}
	worst := worstOf(findings)
	bad := !reached || worst.AtLeast(checks.Error) || o.strict && worst.AtLeast(checks.Warning)
	if o.verify && reached {
		trial := defaultTrial
		trial.patience = configurationPatience
		trial.gatewayWorkload = expose.GatewayWorkloadName(result.Gateway, proxy.GatewayWorkloads(loaded.Snapshot))
		report.Printf(o.streams.Out, "\n")
		if err := verify(ctx, o.streams, client, loaded.Snapshot, result.Workload, trial, ""); err != nil {
			return err
		}
	}
	if bad {
		return errBadAnswer
	}
	return nil
}

// isReached reports whether the workload is exposed as status says it, and if not why.
func (o *createOptions) isReached(loaded *cluster.Loaded, result *expose.Result) (reached bool, why string) {
	workload := workload.Get(loaded.Snapshot, result.Workload.Key)
	if workload == nil {
		return false, "it is gone"
	}
	status := pathStatus(loaded, workload)
	switch {
	case status.Exposed():
		return true, ""
	case status.Unknown():
		return false, "whether calls get there is not known: " + expose.WhyUnknown(status.Roots)
	default:
		return false, firstBroken(status.Roots)
	}
}

// firstBroken is why no call gets through, at the first place from outside where none does.
func firstBroken(hops []*expose.Hop) string {
	for _, hop := range hops {
		if hop.Broken != "" {
			return mesh.KeyOf(hop.Object).String() + ": " + hop.Broken
		}
	}
	for _, hop := range hops {
		if why := firstBroken(hop.Next); why != "" {
			return why
		}
	}
	return "no gateway leads there"
}

// withoutAsked leaves out what the user has asked for: with --inject=none that pods have no proxy, with --restart=none that
// those made before injection have none, or one of another revision.
func (o *createOptions) withoutAsked(findings []checks.Finding) []checks.Finding {
	var asked []string
	if o.intent.Inject == expose.InjectNone {
		asked = append(asked, "GX101", "GX102", "GX103", "GX104", "GX105", "GX106", "GX108", "GX109", "GX110")
	}
	if o.intent.Restart == expose.RestartNone {
		asked = append(asked, "GX106", "GX107")
	}
	return slices.DeleteFunc(findings, func(finding checks.Finding) bool { return slices.Contains(asked, finding.ID) })
}

func exposedMessage(result *expose.Result, exposure expose.Exposure) string {
	where := "at the gateway, which has no address outside yet"
	if len(exposure.Addresses) > 0 {
		where = "at " + exposure.Addresses[0]
	}
	return fmt.Sprintf("gRPC port %d is exposed %s for hosts %s", result.TargetPort, where, strings.Join(exposure.Hosts, ", "))
}

// recordEvent leaves an Event on the workload; that it could not is a note, no failure.
func (o *createOptions) recordEvent(ctx context.Context, client *cluster.Client, result *expose.Result, eventType, reason, message string) {
	done, err := interrupt.BeginWriting(ctx)
	if err != nil {
		return
	}
	defer done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), eventTimeout)
	defer cancel()
	if note := client.RecordEvent(ctx, result.Workload.Object, eventType, reason, message); note != "" {
		report.Printf(o.streams.Err, "note: %s\n", note)
	}
}

// eventTimeout bounds what is only a courtesy.
const eventTimeout = 5 * time.Second

// configurationPatience is how long istiod and the gateway may take until new routes work; it is a second as a rule.
const configurationPatience = 10 * time.Second

func firstLine(err error) string {
	return report.ErrorLines(err)[0]
}

// withGaps adds to a refusal what could not be read, which may be why, and the command that prints the Roles for it.
func withGaps(err error, loaded *cluster.Loaded, command string) error {
	_, refused := errors.AsType[*expose.Error](err)
	switch {
	case !refused || len(loaded.Gaps) == 0:
		return err
	case len(loaded.Missing) == 0:
		return &extendedError{err, []string{gapsText(loaded)}}
	default:
		return &extendedError{err, slices.Concat(
			[]string{"", "What you may not read may be why:", ""}, permissionTable(loaded.Missing),
			[]string{"", name + " " + command + " --print-rbac prints the Roles to ask an administrator for"},
		)}
	}
}
