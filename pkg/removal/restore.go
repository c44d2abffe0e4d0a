package removal

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

// restore plans the former values of the fields that create changed on an object, but for those that something needs.
func (r *remover) restore(object mesh.Object, needs func(plan.Path) []string) error {
	target, notes, err := r.notesOf(object)
	if err != nil || len(notes) == 0 {
		return err
	}
	change := plan.Change{Action: plan.Update, Object: target, Undo: plan.Forget, Reason: "create changed it"}
	for _, note := range notes {
		if users := needs(note.Path); len(users) > 0 && !r.options.Force {
			r.keep(fieldText(target, note), users)
			continue
		}
		r.restoreField(&change, note)
	}
	r.addRestoring(change)
	return nil
}

// addRestoring adds a change that restores or forgets something.
func (r *remover) addRestoring(change plan.Change) {
	if len(change.Edits) > 0 || len(change.Forgotten) > 0 {
		r.removal.Plan.Changes = append(r.removal.Plan.Changes, change)
	}
}

// notesOf are the notes of an object that count: for a field that create writes on objects of its kind, with values of the
// field's type. What is wrong with the others is said.
func (r *remover) notesOf(object mesh.Object) (*unstructured.Unstructured, []plan.Note, error) {
	if object.GetAnnotations()[plan.UndoAnnotation] == "" {
		return nil, nil, nil
	}
	target, err := mesh.ToUnstructured(object)
	if err != nil {
		return nil, nil, err
	}
	notes, err := plan.NotesOf(target)
	if err != nil {
		r.note("%s is left as it is: its annotation %s cannot be read (%v); restore by hand what it meant and remove it",
			plan.Name(target), plan.UndoAnnotation, err)
		return target, nil, nil
	}
	kind := mesh.KeyOf(object).Kind
	counting := slices.DeleteFunc(slices.Clone(notes), func(note plan.Note) bool { return !isCreates(kind, note) })
	if ignored := len(notes) - len(counting); ignored > 0 {
		r.note("%s: %d of its notes in %s are of no field that create changes, and are ignored", plan.Name(target), ignored, plan.UndoAnnotation)
	}
	return target, counting, nil
}

// restoreField plans a field's former value, unless the field is no longer what create made of it.
func (r *remover) restoreField(change *plan.Change, note plan.Note) {
	now, _ := note.Path.Get(change.Object.Object)
	switch {
	case plan.SameValue(now, note.Old): // somebody has restored it
		change.Forgotten = append(change.Forgotten, note.Path)
	case plan.Fulfilled(now, note.New):
		change.Edits = append(change.Edits, plan.Edit{Path: note.Path, Old: now, New: note.Old})
	default:
		change.Forgotten = append(change.Forgotten, note.Path)
		since := "changed it to " + valueText(now)
		if now == nil {
			since = "removed it"
		}
		r.note("%s of %s is left as it is: create set it to %s, somebody has %s since, and before it was %s",
			note.Path, plan.Name(change.Object), valueText(note.New), since, valueText(note.Old))
	}
}

var portStep = regexp.MustCompile(`^(port=[0-9]{1,5},protocol=(TCP|UDP|SCTP)|[0-9]{1,4})$`)

// isCreates reports whether a note is of a field that create changes on objects of the kind, with values of the field's type:
// injection labels, a pod template's restart, and of a Service's ports the name, the protocol, the target, or a whole port that
// was not there.
func isCreates(kind mesh.Kind, note plan.Note) bool {
	path := note.Path
	under := func(parents ...string) bool {
		return len(path) == len(parents)+1 && slices.Equal(path[:len(parents)], parents)
	}
	last := path[len(path)-1]
	switch kind {
	case mesh.KindNamespace:
		return under("metadata", "labels") && (last == proxy.LabelInjection || last == proxy.LabelRevision) && areLabels(note.Old, note.New)
	case mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet:
		return under(remedy.TemplateLabels...) && (last == proxy.LabelInject || last == proxy.LabelRevision) && areLabels(note.Old, note.New) ||
			slices.Equal(path, remedy.RestartedAt) && areLabels(note.Old) && isText(note.New)
	case mesh.KindService:
		return len(path) > 2 && path[0] == "spec" && path[1] == "ports" && portStep.MatchString(path[2]) && isPortNote(note)
	default:
		return false
	}
}

func isPortNote(note plan.Note) bool {
	if len(note.Path) == 3 {
		_, made := note.New.(map[string]any)
		return made && note.Old == nil
	}
	if len(note.Path) != 4 {
		return false
	}
	switch note.Path[3] {
	case "name", "appProtocol":
		return areTexts(note.Old, note.New)
	case "protocol":
		return slices.Contains([]any{string(core.ProtocolTCP), string(core.ProtocolUDP), string(core.ProtocolSCTP)}, note.Old)
	case "targetPort":
		_, number := note.Old.(int64)
		return number || isText(note.Old) && note.Old != ""
	default:
		return false
	}
}

func isText(value any) bool { _, ok := value.(string); return ok }

// areTexts reports whether each value is a string or not there.
func areTexts(values ...any) bool {
	return !slices.ContainsFunc(values, func(value any) bool { return value != nil && !isText(value) })
}

// areLabels reports whether each value is one that a label may have, an RFC 3339 time, or not there.
func areLabels(values ...any) bool {
	return !slices.ContainsFunc(values, func(value any) bool {
		text, ok := value.(string)
		return value != nil && (!ok || len(validation.IsValidLabelValue(strings.NewReplacer(":", "", "+", "").Replace(text))) > 0)
	})
}

// portAt is the Service port that a path leads to, nil if there is none.
func portAt(service *core.Service, path plan.Path) *core.ServicePort {
	if len(path) < 3 {
		return nil
	}
	number, keyed := strings.CutPrefix(path[2], "port=")
	if !keyed {
		if index, err := strconv.Atoi(path[2]); err == nil && index < len(service.Spec.Ports) {
			return &service.Spec.Ports[index]
		}
		return nil
	}
	number, protocol, _ := strings.Cut(number, ",protocol=")
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		if strconv.Itoa(int(port.Port)) == number && string(port.Protocol) == protocol {
			return port
		}
	}
	return nil
}

// fieldText names what create changed: "port 9000 of Service istio-system/gateway", "label istio-injection of Namespace shop".
func fieldText(object *unstructured.Unstructured, note plan.Note) string {
	last := note.Path[len(note.Path)-1]
	switch {
	case len(note.Path) == 3 && note.Path[1] == "ports":
		number, _, _ := strings.Cut(strings.TrimPrefix(last, "port="), ",")
		return fmt.Sprintf("Port %s of %s", number, plan.Name(object))
	case slices.Contains(note.Path, "labels"):
		return fmt.Sprintf("Label %s=%v of %s", last, note.New, plan.Name(object))
	default:
		return fmt.Sprintf("%s of %s", note.Path, plan.Name(object))
	}
}

func valueText(value any) string {
	switch typed := value.(type) {
	case nil:
		return "not there"
	case string:
		return fmt.Sprintf("%q", typed)
	default:
		return fmt.Sprint(typed)
	}
}
