package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// PlanText prints what a plan does, a change each with its reason, then its notes. Bookkeeping of our own (annotations that
// let delete take the changes back) is left out.
func PlanText(w io.Writer, p plan.Plan, colour bool) error {
	var b strings.Builder
	for _, change := range p.Changes {
		symbol, code := changeSymbol(change.Action)
		Printf(&b, "  %s %s: %s\n", paint(symbol, code, colour), plan.Name(change.Object), ChangeText(change))
		Printf(&b, "      %s\n", change.Reason)
	}
	if len(p.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, note := range p.Notes {
		Printf(&b, "  note: %s\n", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func changeSymbol(action plan.Action) (symbol, code string) {
	switch action {
	case plan.Create:
		return "+", green
	case plan.Delete:
		return "-", red
	case plan.Restart:
		return "↻", yellow
	default:
		return "~", yellow
	}
}

// ChangeText says what a change does to its object, without the object's name.
func ChangeText(change plan.Change) string {
	switch change.Action {
	case plan.Create:
		return createText(change.Object)
	case plan.Delete:
		return "delete"
	}
	var parts []string
	for _, edit := range change.Edits {
		if text := editText(edit); text != "" && !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	switch {
	case len(parts) > 0:
	case change.Undo == plan.Forget, slices.ContainsFunc(change.Edits, func(edit plan.Edit) bool { return edit.New == nil }):
		return "remove create's note"
	default:
		return "note who uses it"
	}
	return strings.Join(parts, ", ")
}

// editText says what an edit does in the words of people, empty for bookkeeping.
func editText(edit plan.Edit) string {
	path := edit.Path
	last := path[len(path)-1]
	under := func(parents ...string) bool {
		return len(path) == len(parents)+1 && slices.Equal(path[:len(parents)], parents)
	}
	switch {
	case strings.HasPrefix(last, "grpcexpose/"):
		return ""
	case last == workload.RestartedAtAnnotation:
		return "restart its pods"
	case under("metadata", "labels"), under("spec", "template", "metadata", "labels"):
		what := "label"
		if path[0] == "spec" {
			what = "pod label"
		}
		return keyedText(what, last, edit)
	case under("metadata", "annotations"):
		return keyedText("annotation", last, edit)
	case len(path) >= 3 && path[0] == "spec" && path[1] == "ports":
		return portText(edit)
	case slices.Equal(path, plan.Path{"spec", "servers"}):
		servers, _ := edit.New.([]any)
		return "servers on " + serversText(servers)
	case slices.Equal(path, plan.Path{"spec", "http"}):
		rules, _ := edit.New.([]any)
		return rulesText(rules)
	case edit.New == nil:
		return fmt.Sprintf("remove %s", path)
	default:
		return fmt.Sprintf("%s: %s", path, changeOfValue(edit))
	}
}

func keyedText(what, key string, edit plan.Edit) string {
	switch {
	case edit.New == nil:
		return fmt.Sprintf("remove %s %s=%v", what, key, edit.Old)
	case edit.Old != nil:
		return fmt.Sprintf("%s %s=%v (was %v)", what, key, edit.New, edit.Old)
	default:
		return fmt.Sprintf("%s %s=%v", what, key, edit.New)
	}
}

// portText describes an edit of an element of a Service's spec.ports.
func portText(edit plan.Edit) string {
	number, _, _ := strings.Cut(strings.TrimPrefix(edit.Path[2], "port="), ",")
	if len(edit.Path) == 3 {
		if fields, ok := edit.New.(map[string]any); ok {
			return "add port " + servicePortText(fields)
		}
		return "remove port " + number
	}
	return fmt.Sprintf("port %s: %s %s", number, edit.Path[3], changeOfValue(edit))
}

func changeOfValue(edit plan.Edit) string {
	switch {
	case edit.New == nil:
		return fmt.Sprintf("%v removed", edit.Old)
	case edit.Old == nil:
		return fmt.Sprintf("set to %s", shortValue(edit.New))
	default:
		return fmt.Sprintf("%s → %s", shortValue(edit.Old), shortValue(edit.New))
	}
}

// shortValue keeps whole lists and maps out of a line: the diff has them.
func shortValue(value any) string {
	switch typed := value.(type) {
	case []any:
		items := make([]string, len(typed))
		for i, item := range typed {
			if _, simple := item.(string); !simple {
				return "(see --diff)"
			}
			items[i] = fmt.Sprint(item)
		}
		return strings.Join(items, ", ")
	case map[string]any:
		return "(see --diff)"
	default:
		return fmt.Sprint(value)
	}
}

// createText describes a new object in the words that matter for its kind.
func createText(object *unstructured.Unstructured) string {
	switch object.GetKind() {
	case "Service":
		ports, _, _ := unstructured.NestedSlice(object.Object, "spec", "ports")
		texts := make([]string, 0, len(ports))
		for _, port := range ports {
			fields, _ := port.(map[string]any)
			texts = append(texts, servicePortText(fields))
		}
		return "new, port " + strings.Join(texts, ", ")
	case "Gateway":
		return "new, " + gatewayText(object)
	case "VirtualService":
		return "new, " + virtualServiceText(object)
	case "Namespace":
		return "new, labels " + keyValues(object.GetLabels())
	default:
		return "new"
	}
}

func keyValues(labels map[string]string) string {
	pairs := make([]string, 0, len(labels))
	for key, value := range labels {
		pairs = append(pairs, key+"="+value)
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ", ")
}

func servicePortText(port map[string]any) string {
	return fmt.Sprintf("%v → %v, named %v", port["port"], port["targetPort"], port["name"])
}

func gatewayText(object *unstructured.Unstructured) string {
	selector, _, _ := unstructured.NestedStringMap(object.Object, "spec", "selector")
	servers, _, _ := unstructured.NestedSlice(object.Object, "spec", "servers")
	return serversText(servers) + ", on pods " + keyValues(selector)
}

func serversText(servers []any) string {
	texts := make([]string, 0, len(servers))
	for _, server := range servers {
		fields, _ := server.(map[string]any)
		port, _ := fields["port"].(map[string]any)
		text := fmt.Sprintf("port %v %v, hosts %s", port["number"], port["protocol"], shortValue(fields["hosts"]))
		if tls, ok := fields["tls"].(map[string]any); ok {
			text += fmt.Sprintf(", certificate of Secret %v", tls["credentialName"])
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

func virtualServiceText(object *unstructured.Unstructured) string {
	hosts, _, _ := unstructured.NestedStringSlice(object.Object, "spec", "hosts")
	rules, _, _ := unstructured.NestedSlice(object.Object, "spec", "http")
	return fmt.Sprintf("hosts %s, %s", strings.Join(hosts, ", "), rulesText(rules))
}

func rulesText(rules []any) string {
	targets := make([]string, 0, len(rules))
	for _, rule := range rules {
		fields, _ := rule.(map[string]any)
		targets = append(targets, ruleText(fields))
	}
	return strings.Join(targets, "; ")
}

func ruleText(rule map[string]any) string {
	calls := "all calls"
	if matches, ok := rule["match"].([]any); ok && len(matches) > 0 {
		match, _ := matches[0].(map[string]any)
		uri, _ := match["uri"].(map[string]any)
		calls = fmt.Sprintf("calls of %v", uri["prefix"])
	}
	routes, _ := rule["route"].([]any)
	if len(routes) == 0 {
		return calls
	}
	route, _ := routes[0].(map[string]any)
	destination, _ := route["destination"].(map[string]any)
	port, _ := destination["port"].(map[string]any)
	return fmt.Sprintf("%s → %v:%v", calls, destination["host"], port["number"])
}
