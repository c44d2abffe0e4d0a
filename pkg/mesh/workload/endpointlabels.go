package workload

import (
	"maps"
	"slices"
)

// labelsOfEndpoints are those that istiod itself gives to the endpoints of pods, by where these run.
// Source: Istio's pilot/pkg/serviceregistry/util/label/label.go (AugmentLabels).
var labelsOfEndpoints = []string{
	"topology.istio.io/cluster", "topology.istio.io/network", "kubernetes.io/hostname",
	"topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone",
}

// LabelsOfPodsOnly are those labels of a subset that only pods can have, without the ones that istiod gives to endpoints.
func LabelsOfPodsOnly(subset map[string]string) map[string]string {
	kept := maps.Clone(subset)
	maps.DeleteFunc(kept, func(key, _ string) bool { return slices.Contains(labelsOfEndpoints, key) })
	return kept
}
