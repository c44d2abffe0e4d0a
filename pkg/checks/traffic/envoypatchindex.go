package traffic

import (
	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
)

// rankedPatch is a patch and its place in the order in which istiod applies patches: what a later one sets counts.
type rankedPatch struct {
	policy.EnvoyPatch
	rank int
}

// patchIndex finds the patches that change a proxy, filed under one of the labels that they select by.
type patchIndex struct {
	byLabel map[hopLabel][]rankedPatch
	ranks   map[patchID]int
}

type patchID struct {
	filter mesh.Key
	index  int
}

// indexPatches files those patches that are of interest.
func indexPatches(p *checks.Pass, ofInterest func(policy.EnvoyPatch) bool) patchIndex {
	index := patchIndex{map[hopLabel][]rankedPatch{}, map[patchID]int{}}
	for _, filter := range policy.EnvoyFiltersInOrder(p.Snapshot) {
		patches, _ := policy.EnvoyPatches(p.Snapshot, filter) // eachPatch says which filters cannot be read
		for _, patch := range patches {
			if !ofInterest(patch) || patch.Spec.GetPatch().GetOperation() == networkingapi.EnvoyFilter_Patch_REMOVE {
				continue
			}
			label := hopLabel{namespace: namespaceOfHops(p, filter)}
			for key, value := range patch.Selector() {
				label.key, label.value = key, value
				break
			}
			rank := len(index.ranks)
			index.ranks[patchID{mesh.KeyOf(filter), patch.Index}] = rank
			index.byLabel[label] = append(index.byLabel[label], rankedPatch{patch, rank})
		}
	}
	return index
}

func (x patchIndex) rank(patch policy.EnvoyPatch) int {
	return x.ranks[patchID{mesh.KeyOf(patch.Filter), patch.Index}]
}

// any reports whether one of the patches that may change the proxy, in no particular order, is what is looked for.
func (x patchIndex) any(of hop, isLookedFor func(rankedPatch) bool) bool {
	for _, namespace := range []string{anyNamespace, of.Namespace} {
		labels := []hopLabel{{namespace: namespace}}
		for key, value := range of.Labels {
			labels = append(labels, hopLabel{namespace, key, value})
		}
		for _, label := range labels {
			patches := x.byLabel[label]
			for i := len(patches) - 1; i >= 0; i-- {
				if isLookedFor(patches[i]) {
					return true
				}
			}
		}
	}
	return false
}
