package execution

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// show prints the plan: as a summary, as a diff, or with -o in a dry run as what is to be.
func (e *Execution) show() error {
	options := e.Options
	switch {
	case options.Output == "plan" && options.IsDryRun():
		return report.PlanJSON(e.Streams.Out, report.PlanReport{Plan: e.Plan, DryRun: true})
	case options.Output != "" && options.IsDryRun() && !e.showsStored():
		report.Notes(e.Streams, e.Plan.Notes)
		return e.PrintManifests()
	case (options.Output == "yaml" || options.Output == "json") && e.showsStored():
		_, notes, err := forRepository(e.Plan, e.Namespace)
		report.Notes(e.Streams, slices.Concat(e.Plan.Notes, notes))
		return err
	case options.Output != "":
		report.Notes(e.Streams, e.Plan.Notes)
		return nil
	}
	if e.Plan.Empty() {
		report.Printf(e.Streams.Out, "%s\n", e.Nothing)
		report.Notes(e.Streams, e.Plan.Notes)
		return nil
	}
	for _, line := range e.Heading {
		report.Printf(e.Streams.Out, "%s\n", line)
	}
	report.Printf(e.Streams.Out, "\n")
	if err := report.PlanText(e.Streams.Out, e.Plan, e.Streams.OutColour); err != nil {
		return err
	}
	report.Printf(e.Streams.Out, "\n")
	if !options.Diff || e.showsStored() {
		return nil
	}
	return e.ShowDiff()
}

// showsStored reports whether a dry run prints what the server would store, once that is known.
func (e *Execution) showsStored() bool { return e.ShowStored && e.Options.DryRun == DryRunServer }

// ShowDiff prints how the objects change.
func (e *Execution) ShowDiff() error {
	differences, err := report.PlanDifferences(e.Plan)
	if err != nil {
		return err
	}
	return report.Diff(e.Streams.Out, differences, e.Streams.OutColour)
}

// showStored prints what the API server would store: with its defaults, and with what admission adds.
func (e *Execution) showStored(rehearsal cluster.CheckResult) error {
	output := e.Options.Output
	if !e.showsStored() {
		return nil
	}
	var differences []report.Difference
	for _, checked := range rehearsal {
		if same, err := isNoMatterOfManifests(checked.Change); err != nil {
			return err
		} else if (output == "yaml" || output == "json") && (same || isOthers(checked.Change, e.Namespace)) {
			continue
		}
		differences = append(differences, report.Difference{
			Name: plan.Name(checked.Change.Object), Before: checked.Change.Before(), After: checked.Stored,
		})
	}
	switch {
	case e.Options.Diff:
		return report.Diff(e.Streams.Out, differences, e.Streams.OutColour)
	case output != "" && output != "plan":
		return report.Objects(e.Streams.Out, afterOf(differences), output)
	default:
		return nil
	}
}

func afterOf(differences []report.Difference) []*unstructured.Unstructured {
	var objects []*unstructured.Unstructured
	for _, difference := range differences {
		if difference.After != nil {
			objects = append(objects, report.Manifest(difference.After))
		}
	}
	return objects
}
