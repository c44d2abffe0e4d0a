package report

import (
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// PlanManifests prints the objects as the plan leaves them, complete: as YAML documents or a JSON List, which kubectl apply
// takes, or (format "name") as kind.group/name.
func PlanManifests(w io.Writer, p plan.Plan, format string) error {
	var objects []*unstructured.Unstructured
	for _, change := range p.Changes {
		after, err := change.After()
		if err != nil {
			return err
		}
		switch {
		case after == nil:
		case change.Action == plan.Create: // nobody has put anything in yet
			objects = append(objects, after)
		default:
			objects = append(objects, Manifest(after))
		}
	}
	return Objects(w, objects, format)
}

// Objects prints objects in one of the formats of PlanManifests.
func Objects(w io.Writer, objects []*unstructured.Unstructured, format string) error {
	switch format {
	case "yaml":
		return objectsYAML(w, objects)
	case "json":
		return objectsJSON(w, objects)
	case "name":
		for _, object := range objects {
			if _, err := io.WriteString(w, inert.Line(objectName(object))+"\n"); err != nil {
				return err
			}
		}
		return nil
	default:
		return fmt.Errorf("unknown output format %q: use yaml, json or name", format)
	}
}

// objectName is an object as "kubectl get -o name" has it: gateway.networking.istio.io/server.
func objectName(object *unstructured.Unstructured) string {
	gvk := object.GroupVersionKind()
	if gvk.Group == "" {
		return inert.TypeName(gvk.Kind, object.GetName())
	}
	return inert.TypeName(gvk.Kind+"."+gvk.Group, object.GetName())
}

func objectsYAML(w io.Writer, objects []*unstructured.Unstructured) error {
	documents := make([]any, len(objects))
	for i, object := range objects {
		documents[i] = object.Object
	}
	return YAML(w, documents...)
}

func objectsJSON(w io.Writer, objects []*unstructured.Unstructured) error {
	items := make([]any, len(objects))
	for i, object := range objects {
		items[i] = object.Object
	}
	return indentedJSON(w, map[string]any{"apiVersion": "v1", "kind": "List", "items": items}, "    ")
}
