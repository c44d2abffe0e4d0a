package report

import (
	"io"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// Difference is an object before and after; nil where there is none.
type Difference struct {
	Name          string
	Before, After *unstructured.Unstructured
}

// PlanDifferences are the plan's changes as before and after.
func PlanDifferences(p plan.Plan) ([]Difference, error) {
	differences := make([]Difference, 0, len(p.Changes))
	for _, change := range p.Changes {
		after, err := change.After()
		if err != nil {
			return nil, err
		}
		differences = append(differences, Difference{Name: plan.Name(change.Object), Before: change.Before(), After: after})
	}
	return differences, nil
}

// Diff prints differences as unified diffs of the manifests.
func Diff(w io.Writer, differences []Difference, colour bool) error {
	for _, difference := range differences {
		before, err := manifestText(difference.Before)
		if err != nil {
			return err
		}
		after, err := manifestText(difference.After)
		if err != nil {
			return err
		}
		text := udiff.Unified("now: "+inert.Line(difference.Name), "after: "+inert.Line(difference.Name), before, after)
		if err := DiffText(w, text, colour); err != nil {
			return err
		}
	}
	return nil
}

// DiffText prints a unified diff.
func DiffText(w io.Writer, text string, colour bool) error {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r") // of a file from Windows
		b.WriteString(string(paintDiffLine(line, colour)) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func paintDiffLine(line string, colour bool) painted {
	code := ""
	switch {
	case strings.HasPrefix(line, "+"):
		code = green
	case strings.HasPrefix(line, "-"):
		code = red
	case strings.HasPrefix(line, "@"):
		code = cyan
	}
	return paint(line, code, colour)
}

func manifestText(object *unstructured.Unstructured) (string, error) {
	if object == nil {
		return "", nil
	}
	var text strings.Builder
	err := YAML(&text, Manifest(object).Object)
	return text.String(), err
}
