package load

import (
	"encoding/json"
	"maps"
	"reflect"
	"time"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Overlay is the cluster with the files applied: their objects take the place of those of the same name, and workloads that
// the files roll out get new pods.
func Overlay(live *mesh.Snapshot, manifests *manifest.Manifests) *mesh.Snapshot {
	var objects []mesh.Sourced
	for _, kind := range mesh.Kinds() {
		for _, object := range live.Objects(kind) {
			objects = append(objects, mesh.Sourced{Object: object, Source: live.Source(object)})
		}
	}
	for _, sourced := range manifests.Objects {
		sourced.Object = applied(sourced.Object, live.Find(mesh.KeyOf(sourced.Object)), live.Now())
		objects = append(objects, sourced)
	}
	merged := mesh.New(objects, mesh.Options{Now: live.Now(), Gaps: live.Gaps(), Unread: manifests.Unread, GRPCPorts: live.GRPCPorts()})
	var restarted []mesh.Key
	for _, w := range workload.Workloads(merged) {
		if before := workload.Get(live, w.Key); before != nil && rollsOut(before.Template, w.Template) {
			restarted = append(restarted, w.Key)
		}
	}
	return proxy.Restart(merged, restarted)
}

// applied is an object of the files as kubectl apply would leave it in the cluster: with the status, the age and the foreign
// labels and annotations of the one that is there, or as young as can be where none is.
func applied(object, live mesh.Object, now time.Time) mesh.Object {
	object = object.DeepCopyObject().(mesh.Object)
	if live == nil {
		object.SetCreationTimestamp(metav1.NewTime(now))
		return object
	}
	object.SetCreationTimestamp(live.GetCreationTimestamp())
	former := lastApplied(live)
	object.SetLabels(mergedKeys(live.GetLabels(), former.Labels, object.GetLabels()))
	object.SetAnnotations(mergedKeys(live.GetAnnotations(), former.Annotations, object.GetAnnotations()))
	if from, to := statusOf(live), statusOf(object); from.IsValid() && to.CanSet() && from.Type() == to.Type() {
		to.Set(from)
	}
	return object
}

// statusOf is the Status field of a typed object; of others it is not valid.
func statusOf(object mesh.Object) reflect.Value {
	return reflect.ValueOf(object).Elem().FieldByName("Status")
}

// lastApplied is the metadata that kubectl apply was given the last time, which is how it knows what was taken out since.
func lastApplied(live mesh.Object) metav1.ObjectMeta {
	var former struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
	}
	_ = json.Unmarshal([]byte(live.GetAnnotations()[core.LastAppliedConfigAnnotation]), &former) // absent: nothing was taken out
	return former.Metadata
}

// mergedKeys are the live entries without those that were applied before, and then those of the file.
func mergedKeys(live, former, file map[string]string) map[string]string {
	merged := map[string]string{}
	for key, value := range live {
		if _, ours := former[key]; !ours {
			merged[key] = value
		}
	}
	maps.Copy(merged, file)
	return merged
}

// rollsOut says that the new template makes other pods than the one of the cluster. Only what files say can be compared: the
// cluster's has defaults filled in.
func rollsOut(before, after *core.PodTemplateSpec) bool {
	if before == after {
		return false
	}
	for key, value := range after.Annotations {
		if before.Annotations[key] != value {
			return true
		}
	}
	return !maps.Equal(before.Labels, after.Labels) || !maps.Equal(imagesOf(before), imagesOf(after))
}

func imagesOf(template *core.PodTemplateSpec) map[string]string {
	images := make(map[string]string, len(template.Spec.Containers))
	for _, container := range template.Spec.Containers {
		images[container.Name] = container.Image
	}
	return images
}
