package plugin

import (
	"maps"
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// overlay is the cluster with the files applied: their objects replace those of the same name, and workloads that the files
// roll out get new pods.
func overlay(live *mesh.Snapshot, manifests *manifest.Manifests) *mesh.Snapshot {
	var objects []mesh.Sourced
	for _, kind := range mesh.Kinds() {
		for _, object := range live.Objects(kind) {
			objects = append(objects, mesh.Sourced{Object: object, Source: live.Source(object)})
		}
	}
	merged := mesh.New(slices.Concat(objects, manifests.Objects), mesh.Options{Now: live.Now(), Gaps: live.Gaps()})
	var restarted []mesh.Key
	for _, workload := range merged.Workloads() {
		if before := live.Workload(workload.Key); before != nil && rollsOut(before.Template, workload.Template) {
			restarted = append(restarted, workload.Key)
		}
	}
	return merged.With(mesh.Change{Restarted: restarted})
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
