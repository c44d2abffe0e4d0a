package plugin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/exitcode"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
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
	load.PrintFileNotes(o.streams, manifests)
	if manifests, err = o.chooseManifests(manifests); err != nil {
		return err
	}
	if err := load.RequireNamespace(manifests, o.clients.connection.overrides.Context.Namespace); err != nil {
		return err
	}
	snapshot := manifests.Snapshot(false, mesh.Options{Now: time.Now(), GRPCPorts: o.grpcPorts})
	if o.intent, err = o.intent.InFiles(snapshot); err != nil {
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
		report.Printf(o.streams.Err, "note: still, afterwards: %s\n", report.FindingText(warning))
	}
	if err := o.printFiles(manifests, result); err != nil {
		return err
	}
	if o.exitCode && !result.Plan.Empty() {
		return exitcode.ErrBadAnswer
	}
	return nil
}

// chooseManifests are those that create decides on: what is read as it is, or the only kustomization in the files. Which of several is
// meant only the user knows.
func (o *createOptions) chooseManifests(manifests *manifest.Manifests) (*manifest.Manifests, error) {
	switch {
	case len(manifests.Overlays) == 0:
		return manifests, nil
	case holdsWorkload(manifests, o.intent.Name):
		report.Notes(o.streams, []string{"the kustomizations in the files are left alone: " + load.FoldersOf(manifests)})
		return manifests, nil
	}
	holding := &manifest.Manifests{}
	for _, overlay := range manifests.Overlays {
		if holdsWorkload(overlay, o.intent.Name) {
			holding.Overlays = append(holding.Overlays, overlay)
		}
	}
	switch len(holding.Overlays) {
	case 0:
		return manifests, nil
	case 1:
		return holding.Overlays[0], nil
	default:
		return nil, fmt.Errorf("several kustomizations build the workload: %s; say which one with -k", load.FoldersOf(holding))
	}
}

// holdsWorkload reports whether manifests hold a workload of that name, or any that could be exposed where no name is given.
func holdsWorkload(manifests *manifest.Manifests, name string) bool {
	return slices.ContainsFunc(manifests.Objects, func(sourced mesh.Sourced) bool {
		switch mesh.KeyOf(sourced.Object).Kind {
		case mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet:
			return name == "" || sourced.Object.GetName() == name
		default:
			return false
		}
	})
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
