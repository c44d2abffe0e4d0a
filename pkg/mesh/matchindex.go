package mesh

import (
	"cmp"
	"slices"
)

// matchIndex finds those things of a namespace whose matchLabels a pod's labels meet, without looking at all of them: the reverse
// of labelIndex. Each is filed under the rarest of its labels, or under none if it asks for none.
type matchIndex[T any] struct {
	entries map[labelPair][]matching[T]
}

type matching[T any] struct {
	thing  T
	labels map[string]string
	rank   int
}

// newMatchIndex files things in their order; of gives the namespace and the matchLabels of each.
func newMatchIndex[T any](things []T, of func(T) (namespace string, matchLabels map[string]string)) *matchIndex[T] {
	frequency := map[labelPair]int{}
	for _, thing := range things {
		namespace, matchLabels := of(thing)
		for key, value := range matchLabels {
			frequency[labelPair{namespace, key, value}]++
		}
	}
	index := &matchIndex[T]{entries: map[labelPair][]matching[T]{}}
	for rank, thing := range things {
		namespace, matchLabels := of(thing)
		filed := labelPair{namespace: namespace}
		for key, value := range matchLabels {
			pair := labelPair{namespace, key, value}
			if filed.key == "" || frequency[pair] < frequency[filed] {
				filed = pair
			}
		}
		index.entries[filed] = append(index.entries[filed], matching[T]{thing, matchLabels, rank})
	}
	return index
}

// selecting are the things of the namespace that select a pod with these labels, in the order in which they were filed.
func (x *matchIndex[T]) selecting(namespace string, podLabels map[string]string) []T {
	found := slices.Clone(x.entries[labelPair{namespace: namespace}]) // those that select every pod
	for key, value := range podLabels {
		for _, entry := range x.entries[labelPair{namespace, key, value}] {
			if HasLabels(podLabels, entry.labels) {
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
