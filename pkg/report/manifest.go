package report

import (
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Manifest is an object as its owner's repository has it: without status, and without what the API server, its controllers or
// this program's bookkeeping have put in. A field with the server's default stays where the owner has written it.
func Manifest(object *unstructured.Unstructured) *unstructured.Unstructured {
	manifest := object.DeepCopy()
	written := ownersOwn(manifest)
	delete(manifest.Object, "status")
	for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink", "finalizers"} {
		unstructured.RemoveNestedField(manifest.Object, "metadata", field)
	}
	for _, rule := range slices.Concat(inEveryKind, defaultsOf[manifest.GetKind()]) {
		drop(manifest.Object, written, strings.Split(rule.path, "|"), rule.value)
	}
	dropPullPolicies(manifest.Object, written)
	if address, _, _ := unstructured.NestedString(manifest.Object, "spec", "clusterIP"); manifest.GetKind() == "Service" && address != "None" {
		drop(manifest.Object, written, []string{"spec", "clusterIP"}, nil)
	}
	dropEmpty(manifest.Object, "spec", "template", "metadata", "annotations")
	dropEmpty(manifest.Object, "metadata", "annotations")
	dropEmpty(manifest.Object, "metadata", "labels")
	dropEmpty(manifest.Object, "spec")
	return manifest
}

// ownersOwn is what the owner's last apply says, nil where that is not known. Who applies on the server owns what he has written.
func ownersOwn(object *unstructured.Unstructured) any {
	var written any
	if text := object.GetAnnotations()[lastApplied]; text != "" && json.Unmarshal([]byte(text), &written) == nil {
		return written
	}
	return nil
}

// defaulted is a field, with | between its steps and * for every element, that goes where it has the value; nil for any value.
type defaulted struct {
	path  string
	value any
}

var inEveryKind = []defaulted{
	{"metadata|annotations|" + lastApplied, nil},
	{"metadata|annotations|" + plan.UndoAnnotation, nil},
}

var defaultsOf = map[string][]defaulted{
	"Namespace": {
		{"spec|finalizers", nil},
		{"metadata|labels|kubernetes.io/metadata.name", nil},
	},
	// Source: Kubernetes pkg/apis/core/v1/defaults.go (SetDefaults_Service), pkg/registry/core/service for what is allocated.
	"Service": {
		{"spec|clusterIPs", nil},
		{"spec|ipFamilies", nil},
		{"spec|ipFamilyPolicy", "SingleStack"},
		{"spec|internalTrafficPolicy", "Cluster"},
		{"spec|externalTrafficPolicy", "Cluster"},
		{"spec|allocateLoadBalancerNodePorts", true},
		{"spec|healthCheckNodePort", nil},
		{"spec|sessionAffinity", "None"},
		{"spec|type", "ClusterIP"},
		{"spec|ports|*|nodePort", nil},
	},
	"Deployment": slices.Concat(workloadDefaults, []defaulted{
		{"metadata|annotations|deployment.kubernetes.io/revision", nil},
		{"spec|progressDeadlineSeconds", 600},
		{"spec|strategy", map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": "25%", "maxUnavailable": "25%"}}},
	}),
	"StatefulSet": slices.Concat(workloadDefaults, []defaulted{
		{"spec|podManagementPolicy", "OrderedReady"},
		{"spec|updateStrategy", map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"partition": 0}}},
		{"spec|persistentVolumeClaimRetentionPolicy", map[string]any{"whenDeleted": "Retain", "whenScaled": "Retain"}},
		{"spec|volumeClaimTemplates|*|status", nil},
		{"spec|volumeClaimTemplates|*|spec|volumeMode", "Filesystem"},
		{"spec|volumeClaimTemplates|*|metadata|creationTimestamp", nil},
	}),
	"DaemonSet": slices.Concat(workloadDefaults, []defaulted{
		{"metadata|annotations|deprecated.daemonset.template.generation", nil},
		{"spec|updateStrategy", map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": 0, "maxUnavailable": 1}}},
	}),
}

// workloadDefaults are those of the fields that Deployments, StatefulSets and DaemonSets share.
// Source: Kubernetes pkg/apis/apps/v1/defaults.go, pkg/apis/core/v1/defaults.go.
var workloadDefaults = slices.Concat([]defaulted{
	{"spec|revisionHistoryLimit", 10},
	{"spec|template|metadata|creationTimestamp", nil},
	{"spec|template|metadata|annotations|" + workload.RestartedAtAnnotation, nil},
	{"spec|template|spec|restartPolicy", "Always"},
	{"spec|template|spec|dnsPolicy", "ClusterFirst"},
	{"spec|template|spec|schedulerName", "default-scheduler"},
	{"spec|template|spec|securityContext", map[string]any{}},
	{"spec|template|spec|terminationGracePeriodSeconds", 30},
	{"spec|template|spec|serviceAccount", nil},
	{"spec|template|spec|volumes|*|configMap|defaultMode", 420},
	{"spec|template|spec|volumes|*|secret|defaultMode", 420},
	{"spec|template|spec|volumes|*|projected|defaultMode", 420},
}, containerDefaults("containers"), containerDefaults("initContainers"))

func containerDefaults(list string) []defaulted {
	at := "spec|template|spec|" + list + "|*|"
	rules := []defaulted{
		{at + "terminationMessagePath", "/dev/termination-log"},
		{at + "terminationMessagePolicy", "File"},
		{at + "resources", map[string]any{}},
		{at + "ports|*|protocol", "TCP"},
	}
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		rules = append(rules,
			defaulted{at + probe + "|timeoutSeconds", 1}, defaulted{at + probe + "|periodSeconds", 10},
			defaulted{at + probe + "|successThreshold", 1}, defaulted{at + probe + "|failureThreshold", 3},
			defaulted{at + probe + "|httpGet|scheme", "HTTP"}, defaulted{at + probe + "|grpc|service", ""})
	}
	return rules
}

// drop removes the field where it has the value, and the owner has not written it.
func drop(node, written any, path []string, value any) {
	if elements, isList := node.([]any); isList && path[0] == "*" {
		own, _ := written.([]any)
		for i, element := range elements {
			var same any
			if i < len(own) {
				same = own[i]
			}
			drop(element, same, path[1:], value)
		}
		return
	}
	fields, isMap := node.(map[string]any)
	child, there := fields[path[0]]
	if !isMap || !there {
		return
	}
	own, _ := written.(map[string]any)
	wrote, isOwn := own[path[0]]
	switch {
	case len(path) > 1:
		drop(child, wrote, path[1:], value)
	case isOwn && !isBookkeeping(path[0]):
	case value == nil || plan.SameValue(child, value):
		delete(fields, path[0])
	}
}

// isBookkeeping reports whether a field is nobody's wish, whoever wrote it.
func isBookkeeping(field string) bool {
	return field == workload.RestartedAtAnnotation || field == plan.UndoAnnotation || field == "creationTimestamp"
}

// dropPullPolicies removes the policies that follow from the images' tags.
// Source: Kubernetes pkg/apis/core/v1/defaults.go (SetDefaults_Container).
func dropPullPolicies(object map[string]any, written any) {
	for _, list := range []string{"containers", "initContainers"} {
		containers, _, _ := unstructured.NestedSlice(object, "spec", "template", "spec", list)
		for _, container := range containers {
			fields, _ := container.(map[string]any)
			image, _ := fields["image"].(string)
			name, _ := fields["name"].(string)
			dropFromContainer(object, written, list, name, defaultPullPolicy(image))
		}
	}
}

func dropFromContainer(object map[string]any, written any, list, name, policy string) {
	pod := []string{"spec", "template", "spec"}
	spec, _, _ := unstructured.NestedFieldNoCopy(object, pod...)
	own, _ := written.(map[string]any)
	ownSpec, _, _ := unstructured.NestedFieldNoCopy(own, pod...)
	drop(containerNamed(spec, list, name), containerNamed(ownSpec, list, name), []string{"imagePullPolicy"}, policy)
}

func containerNamed(spec any, list, name string) any {
	fields, _ := spec.(map[string]any)
	containers, _ := fields[list].([]any)
	for _, container := range containers {
		if fields, _ := container.(map[string]any); fields["name"] == name {
			return fields
		}
	}
	return nil
}

func defaultPullPolicy(image string) string {
	name := image[strings.LastIndexByte(image, '/')+1:]
	_, tag, tagged := strings.Cut(name, ":")
	if strings.Contains(name, "@") || tagged && tag != "latest" {
		return "IfNotPresent"
	}
	return "Always"
}

// dropEmpty removes a map that has become empty.
func dropEmpty(object map[string]any, path ...string) {
	if fields, there, err := unstructured.NestedMap(object, path...); there && err == nil && len(fields) == 0 {
		unstructured.RemoveNestedField(object, path...)
	}
}
