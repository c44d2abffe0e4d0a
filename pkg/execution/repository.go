package execution

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// forRepository is what of a plan goes into the manifests of a workload's owner, and notes on what does not: objects of other
// namespaces are other teams', and a restart is nothing that a manifest says.
func forRepository(p plan.Plan, namespace string) (printed plan.Plan, notes []string, err error) {
	for _, change := range p.Changes {
		switch {
		case isOthers(change, namespace):
			note, err := notPrinted(change)
			if err != nil {
				return printed, nil, err
			}
			notes = append(notes, note)
			continue
		case isRestart(change):
			workload := strings.ToLower(change.Object.GetKind()) + "/" + change.Object.GetName()
			notes = append(notes, "A manifest restarts no pods: once it is applied, "+
				inert.Command("kubectl", "rollout", "restart", workload, "-n", change.Object.GetNamespace()))
		}
		same, err := isNoMatterOfManifests(change)
		if err != nil {
			return printed, nil, err
		}
		if !same {
			printed.Changes = append(printed.Changes, change)
		}
	}
	return printed, notes, nil
}

// isOthers reports whether a change is one of another team's object: one of another namespace that is there already. An empty
// namespace means that all are meant.
func isOthers(change plan.Change, namespace string) bool {
	of := change.Object.GetNamespace()
	return change.Action != plan.Create && namespace != "" && of != "" && of != namespace && change.Object.GetLabels()[plan.ManagedByLabel] != plan.Manager
}

func isRestart(change plan.Change) bool {
	return slices.ContainsFunc(change.Edits, func(edit plan.Edit) bool {
		return edit.Path[len(edit.Path)-1] == workload.RestartedAtAnnotation && edit.New != nil
	})
}

// isNoMatterOfManifests reports whether the object's manifest is the same before and after.
func isNoMatterOfManifests(change plan.Change) (bool, error) {
	after, err := change.After()
	if err != nil || after == nil || change.Before() == nil {
		return false, err
	}
	return equality.Semantic.DeepEqual(report.Manifest(change.Before()).Object, report.Manifest(after).Object), nil
}

// notPrinted says which change of another team's object is left to its owner, with the command that makes it.
func notPrinted(change plan.Change) (string, error) {
	configuration, ok := change.ApplyConfiguration()
	if !ok {
		return fmt.Sprintf("%s, %s, is not printed: %s", plan.Name(change.Object), expose.OwnerText(change.Object), report.ChangeText(change)), nil
	}
	fields := map[string]any{}
	for key, value := range configuration.Object {
		if !slices.Contains([]string{"apiVersion", "kind", "metadata"}, key) {
			fields[key] = value
		}
	}
	patch, err := json.Marshal(fields)
	if err != nil {
		return "", err
	}
	command := inert.Command("kubectl", "patch", strings.ToLower(change.Object.GetKind()), change.Object.GetName(),
		"-n", change.Object.GetNamespace(), "-p", string(patch))
	return fmt.Sprintf("%s, %s, is not printed; who runs it may %s: %s", plan.Name(change.Object), expose.OwnerText(change.Object), report.ChangeText(change), command), nil
}

// PrintManifests prints what goes into a repository, and as long as nothing is done notes what does not; the format "name" names all that
// changes.
func (e *Execution) PrintManifests() error {
	if e.Options.Output == "name" {
		return report.PlanManifests(e.Streams.Out, e.Plan, e.Options.Output)
	}
	printed, notes, err := forRepository(e.Plan, e.Namespace)
	if err != nil {
		return err
	}
	if e.Options.IsDryRun() {
		report.Notes(e.Streams, notes)
	}
	return report.PlanManifests(e.Streams.Out, printed, e.Options.Output)
}
