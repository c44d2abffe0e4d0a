package workload

import (
	"maps"

	apps "k8s.io/api/apps/v1"
	extensions "k8s.io/api/extensions/v1beta1"
)

// addedByControllers are the labels that controllers add to those of a pod template.
// Source: Kubernetes' k8s.io/api, apps/v1/types.go and (for pod-template-generation, which pods of DaemonSets still have)
// extensions/v1beta1/types.go.
var addedByControllers = []string{
	apps.DefaultDeploymentUniqueLabelKey, apps.ControllerRevisionHashLabelKey, apps.StatefulSetPodNameLabel, apps.PodIndexLabel,
	extensions.DaemonSetTemplateGenerationKey,
}

// LabelsOfTemplate are a pod's labels without those that controllers add to each pod or revision.
func LabelsOfTemplate(labels map[string]string) map[string]string {
	stable := maps.Clone(labels)
	for _, added := range addedByControllers {
		delete(stable, added)
	}
	return stable
}

// LabelsOfController are the labels that controllers have added to a pod.
func LabelsOfController(labels map[string]string) map[string]string {
	kept := map[string]string{}
	for _, added := range addedByControllers {
		if value, there := labels[added]; there {
			kept[added] = value
		}
	}
	return kept
}
