package gateway

import (
	"cmp"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// MatchIndex finds those things of a namespace whose matchLabels a pod's labels meet, without looking at all of them: the reverse
// of labelIndex. Each is filed under the rarest of its labels, or under none if it asks for none.
type MatchIndex[T any] struct {
	entries map[mesh.LabelPair][]matching[T]
}

type matching[T any] struct {
	thing  T
	labels map[string]string
	rank   int
}

// NewMatchIndex files things in their order; of gives the namespace and the matchLabels of each.
func NewMatchIndex[T any](things []T, of func(T) (namespace string, matchLabels map[string]string)) *MatchIndex[T] {
	frequency := map[mesh.LabelPair]int{}
	for _, thing := range things {
		namespace, matchLabels := of(thing)
		for key, value := range matchLabels {
			frequency[mesh.LabelPair{Namespace: namespace, Key: key, Value: value}]++
		}
	}
	index := &MatchIndex[T]{entries: map[mesh.LabelPair][]matching[T]{}}
	for rank, thing := range things {
		namespace, matchLabels := of(thing)
		filed := mesh.LabelPair{Namespace: namespace}
		for key, value := range matchLabels {
			pair := mesh.LabelPair{Namespace: namespace, Key: key, Value: value}
			if filed.Key == "" || frequency[pair] < frequency[filed] {
				filed = pair
			}
		}
		index.entries[filed] = append(index.entries[filed], matching[T]{thing, matchLabels, rank})
	}
	return index
}

// Selecting are the things of the namespace that select a pod with these labels, in the order in which they were filed.
func (x *MatchIndex[T]) Selecting(namespace string, podLabels map[string]string) []T {
	found := slices.Clone(x.entries[mesh.LabelPair{Namespace: namespace}]) // those that select every pod
	for key, value := range podLabels {
		for _, entry := range x.entries[mesh.LabelPair{Namespace: namespace, Key: key, Value: value}] {
			if mesh.HasLabels(podLabels, entry.labels) {
				found = append(found, entry)
			}
		}
	}
	slices.SortFunc(found, func(a, b matching[T]) int { return cmp.Compare(a.rank, b.rank) })
	things := make([]T, len(found))
	for i, entry := range found {
		things[i] = entry.thing
	}
	return things
}
