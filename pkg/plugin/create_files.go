package plugin

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/exitcode"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
)

// runOnFiles decides on manifests alone and prints them complete, for a repository. What only a cluster can answer comes
// from flags; which defaults were taken is said on stderr.
func (o *createOptions) runOnFiles(ctx context.Context) error {
	manifests, err := load.FromFiles(ctx, o.files, o.intent.Namespace)
	if err != nil {
		return err
	}
	report.Notes(o.streams, manifests.Notes)
	if err := load.RequireNamespace(manifests, o.clients.connection.overrides.Context.Namespace); err != nil {
		return err
	}
	snapshot := manifests.Snapshot(false, mesh.Options{Now: time.Now()})
	if err := o.nameFromFiles(snapshot); err != nil {
		return err
	}
	result, err := review.Build(o.intent, snapshot)
	if err != nil {
		return err
	}
	if !manifests.SaysNamespace(result.Workload.Key) && o.clients.connection.overrides.Context.Namespace == "" {
		report.Printf(o.streams.Err, "note: The files do not say a namespace: took %s; -n says another one\n", o.intent.Namespace)
	}
	warnings, err := review.Plan(o.intent, snapshot, result)
	if err != nil {
		return err
	}
	report.Notes(o.streams, result.Plan.Notes)
	for _, warning := range warnings {
		report.Printf(o.streams.Err, "note: still, afterwards: %s\n", review.FindingText(warning))
	}
	if err := o.printFiles(manifests, result); err != nil {
		return err
	}
	if o.exitCode && !result.Plan.Empty() {
		return exitcode.ErrBadAnswer
	}
	return nil
}

func (o *createOptions) printFiles(manifests *manifest.Manifests, result *expose.Result) error {
	switch {
	case o.write.Diff:
		return o.execution(result).ShowDiff()
	case o.write.Output == "plan":
		return report.PlanJSON(o.streams.Out, report.PlanReport{Plan: result.Plan, DryRun: true})
	}
	text, err := manifests.Render(result.Plan)
	if err != nil {
		return err
	}
	format := cmp.Or(o.write.Output, "yaml")
	if format == "yaml" && report.IsClean(text) {
		_, err = o.streams.Out.Write(text)
		return err
	}
	objects, err := manifest.Objects(text)
	if err != nil {
		return err
	}
	return report.Objects(o.streams.Out, objects, format)
}

// nameFromFiles takes the only workload of the files where none is named.
func (o *createOptions) nameFromFiles(snapshot *mesh.Snapshot) error {
	if o.intent.Name != "" {
		return o.namespaceFromFiles(snapshot)
	}
	var choices []string
	for _, workload := range workload.Workloads(snapshot) {
		if gateway.IsInfrastructure(workload) {
			continue
		}
		choices = append(choices, workload.Key.String())
		o.intent.Kind, o.intent.Namespace, o.intent.Name = workload.Key.Kind, workload.Namespace(), workload.Name()
	}
	switch len(choices) {
	case 1:
		return nil
	case 0:
		return errors.New("the files hold no Deployment, StatefulSet or DaemonSet that could be exposed")
	default:
		return &expose.Error{Problem: "the files hold several workloads:", Choices: choices, Next: "Say which, as TYPE/NAME"}
	}
}

// namespaceFromFiles goes by the namespace that the files say.
func (o *createOptions) namespaceFromFiles(snapshot *mesh.Snapshot) error {
	var namespaces []string
	for _, workload := range workload.Workloads(snapshot) {
		if workload.Name() == o.intent.Name && (o.intent.Kind == "" || o.intent.Kind == workload.Key.Kind) {
			namespaces = append(namespaces, workload.Namespace())
		}
	}
	if len(namespaces) == 1 {
		o.intent.Namespace = namespaces[0]
	}
	return nil
}
