package manifest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// operatorKinds are kinds of which an operator makes pods, with labels of its own that the object does not say.
var operatorKinds = map[string]bool{
	"InferenceService": true, "InferenceGraph": true, "ServingRuntime": true, "RayCluster": true, "RayService": true, "RayJob": true,
	"OpenTelemetryCollector": true, "LeaderWorkerSet": true, "SeldonDeployment": true, "Jaeger": true, "Kafka": true,
}

// knativeService is one of several kinds of that name.
var knativeService = schema.GroupKind{Group: "serving.knative.dev", Kind: "Service"}

// podTemplateKinds are kinds with a pod template that the model does not read: their pods have its labels.
var podTemplateKinds = []string{"Rollout", "ReplicaSet", "ReplicationController", "Job", "CronJob"}

// deployers are kinds that say where manifests are, for somebody else to render and apply.
var deployers = map[schema.GroupKind]string{
	{Group: "helm.toolkit.fluxcd.io", Kind: "HelmRelease"}:        "helm template",
	{Group: "helm.fluxcd.io", Kind: "HelmRelease"}:                "helm template",
	{Group: "helm.cattle.io", Kind: "HelmChart"}:                  "helm template",
	{Group: "kustomize.toolkit.fluxcd.io", Kind: "Kustomization"}: "flux build kustomization",
	{Group: "argoproj.io", Kind: "Application"}:                   "argocd app manifests",
	{Group: "argoproj.io", Kind: "ApplicationSet"}:                "argocd app manifests",
}

// unreadWorkload is what an object of a kind that is not read says of the pods that it makes; nil where it makes none.
func unreadWorkload(gk schema.GroupKind, data []byte, namespace string) *mesh.UnreadWorkload {
	type template struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
	}
	var object struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
	}
	if gk == customResourceDefinition || json.Unmarshal(data, &object) != nil {
		return nil // what stands there is not what it is taken for
	}
	unread := &mesh.UnreadWorkload{Namespace: cmp.Or(object.Metadata.Namespace, namespace)}
	if operatorKinds[gk.Kind] || gk == knativeService {
		return unread
	}
	var pods struct {
		Spec struct {
			Template    template `json:"template"`
			JobTemplate struct {
				Spec struct {
					Template template `json:"template"`
				} `json:"spec"`
			} `json:"jobTemplate"`
		} `json:"spec"`
	}
	if json.Unmarshal(data, &pods) != nil {
		return nil
	}
	unread.Labels = pods.Spec.Template.Metadata.Labels
	if len(unread.Labels) == 0 {
		unread.Labels = pods.Spec.JobTemplate.Spec.Template.Metadata.Labels
	}
	if len(unread.Labels) == 0 {
		return nil
	}
	return unread
}

// noteNotRead says which kinds make pods and are not read.
func (m *Manifests) noteNotRead() {
	var kinds []string
	for gk, count := range m.notRead {
		if operatorKinds[gk.Kind] || gk == knativeService || slices.Contains(podTemplateKinds, gk.Kind) {
			kinds = append(kinds, fmt.Sprintf("%s (%d)", gk, count))
		}
	}
	if len(kinds) > 0 {
		slices.Sort(kinds)
		m.Notes = append(m.Notes, "skipped, as kinds that make pods and are not read: "+strings.Join(kinds, ", "))
	}
}

// Deployers are the kinds of objects that only say where manifests are, with their numbers, as "HelmRelease (2)"; and commands that
// show what they deploy.
func (m *Manifests) Deployers() (kinds, commands []string) {
	byKind := slices.SortedFunc(maps.Keys(m.notRead), func(a, b schema.GroupKind) int { return cmp.Compare(a.String(), b.String()) })
	for _, gk := range byKind {
		command, deploys := deployers[gk]
		if !deploys {
			continue
		}
		kinds = append(kinds, fmt.Sprintf("%s (%d)", gk, m.notRead[gk]))
		if !slices.Contains(commands, command) {
			commands = append(commands, command)
		}
	}
	return kinds, commands
}

// chartError says how to check a chart, which is not rendered here.
func chartError(chart string) error {
	return &Error{File: chart, Message: fmt.Sprintf(
		"it is a Helm chart, and charts are not rendered; check what comes out of it: helm template %s | kubectl grpcexpose lint -f - (with -f VALUES for other values)",
		inert.Command(chart))}
}
