package workload

import (
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// selectorIndex finds the workloads whose own selector matches the labels of a pod, without asking all of a namespace. Each is
// filed under that label of its selector which the fewest other selectors of the cluster have.
type selectorIndex struct {
	byPair  map[mesh.LabelPair][]rankedWorkload
	without map[string][]rankedWorkload
}

// rankedWorkload is a workload and its place among all.
type rankedWorkload struct {
	workload *Workload
	rank     int
}

type selectorIndexMemory struct{}

func selectorIndexOf(s *mesh.Snapshot) *selectorIndex {
	return mesh.Remember(s, selectorIndexMemory{}, func() *selectorIndex {
		frequency := map[mesh.LabelPair]int{}
		for _, workload := range Workloads(s) {
			for _, pair := range selectorPairs(workload) {
				frequency[pair]++
			}
		}
		index := &selectorIndex{byPair: map[mesh.LabelPair][]rankedWorkload{}, without: map[string][]rankedWorkload{}}
		for rank, workload := range Workloads(s) {
			ranked := rankedWorkload{workload, rank}
			pairs := selectorPairs(workload)
			if len(pairs) == 0 {
				index.without[workload.Namespace()] = append(index.without[workload.Namespace()], ranked)
				continue
			}
			rarest := pairs[0]
			for _, pair := range pairs[1:] {
				if frequency[pair] < frequency[rarest] {
					rarest = pair
				}
			}
			index.byPair[rarest] = append(index.byPair[rarest], ranked)
		}
		return index
	})
}

// selectorPairs are the labels that a workload's selector asks for with one value.
func selectorPairs(w *Workload) []mesh.LabelPair {
	var pairs []mesh.LabelPair
	requirements, _ := w.Selector.Requirements()
	for _, requirement := range requirements {
		switch requirement.Operator() {
		case selection.Equals, selection.DoubleEquals, selection.In:
			if values := requirement.ValuesUnsorted(); len(values) == 1 {
				pairs = append(pairs, mesh.LabelPair{Namespace: w.Namespace(), Key: requirement.Key(), Value: values[0]})
			}
		}
	}
	return pairs
}

// first is the first workload, in the order of Workloads, whose selector matches; nil if none does. An empty selector matches
// nothing: the API server lets no workload have one.
func (x *selectorIndex) first(namespace string, podLabels map[string]string) *Workload {
	var found *rankedWorkload
	look := func(candidates []rankedWorkload) {
		for i := range candidates {
			candidate := &candidates[i]
			earlier := found == nil || candidate.rank < found.rank
			if earlier && !candidate.workload.Selector.Empty() && candidate.workload.Selector.Matches(labels.Set(podLabels)) {
				found = candidate
			}
		}
	}
	for key, value := range podLabels {
		look(x.byPair[mesh.LabelPair{Namespace: namespace, Key: key, Value: value}])
	}
	look(x.without[namespace])
	if found == nil {
		return nil
	}
	return found.workload
}
