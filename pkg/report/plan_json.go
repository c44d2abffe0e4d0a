package report

import (
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// PlanReport is a plan and what came of it, in the envelope that all machine output has.
type PlanReport struct {
	Plan   plan.Plan
	DryRun bool
	// Exposure is how clients reach the workload; left out before it is known.
	Exposure any
}

type planDocument struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	DryRun     bool         `json:"dryRun"`
	Changes    []planChange `json:"changes"`
	Notes      []string     `json:"notes"`
	Exposure   any          `json:"exposure,omitempty"`
}

type planChange struct {
	Action plan.Action                `json:"action"`
	Object LintObject                 `json:"object"`
	Text   string                     `json:"text"`
	Reason string                     `json:"reason"`
	Edits  []plan.Edit                `json:"edits,omitempty"`
	After  *unstructured.Unstructured `json:"after,omitempty"`
}

// PlanJSON prints a plan for machines: each change with its edits and the object that it leaves.
func PlanJSON(w io.Writer, r PlanReport) error {
	document := planDocument{
		APIVersion: APIVersion, Kind: "Plan", DryRun: r.DryRun, Exposure: r.Exposure,
		Changes: make([]planChange, 0, len(r.Plan.Changes)), Notes: append([]string{}, r.Plan.Notes...),
	}
	for _, change := range r.Plan.Changes {
		after, err := change.After()
		if err != nil {
			return err
		}
		if after != nil {
			after = Manifest(after)
		}
		noted, err := change.WithNotes()
		if err != nil {
			return err
		}
		document.Changes = append(document.Changes, planChange{
			Action: change.Action, Text: ChangeText(change), Reason: change.Reason, Edits: noted.Edits, After: after,
			Object: LintObject{
				APIVersion: change.Object.GetAPIVersion(), Kind: change.Object.GetKind(),
				Namespace: change.Object.GetNamespace(), Name: change.Object.GetName(),
			},
		})
	}
	return JSON(w, document)
}
