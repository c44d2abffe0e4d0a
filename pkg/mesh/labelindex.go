package mesh

import "slices"

// labelIndex finds the labelled things of a namespace that a selector of exact labels matches, without looking at all of them.
type labelIndex[T any] struct {
	entries map[labelPair][]labelled[T]
}

type labelPair struct{ namespace, key, value string }

type labelled[T any] struct {
	thing  T
	labels map[string]string
}

func newLabelIndex[T any]() *labelIndex[T] {
	return &labelIndex[T]{entries: map[labelPair][]labelled[T]{}}
}

func (x *labelIndex[T]) add(namespace string, labels map[string]string, thing T) {
	for key, value := range labels {
		pair := labelPair{namespace, key, value}
		x.entries[pair] = append(x.entries[pair], labelled[T]{thing, labels})
	}
}

// matching are the things with all labels of the selector, in the order in which they were added. An empty selector matches
// none, as that of a Service.
func (x *labelIndex[T]) matching(namespace string, selector map[string]string) []T {
	var rarest []labelled[T]
	first := true
	for key, value := range selector {
		if entries := x.entries[labelPair{namespace, key, value}]; first || len(entries) < len(rarest) {
			rarest, first = entries, false
		}
	}
	var things []T
	for _, entry := range rarest {
		if HasLabels(entry.labels, selector) {
			things = append(things, entry.thing)
		}
	}
	return slices.Clip(things)
}

// HasLabels reports whether labels hold all those of a selector; an empty selector takes everything.
func HasLabels(labels, selector map[string]string) bool {
	for key, value := range selector {
		if have, there := labels[key]; !there || have != value {
			return false
		}
	}
	return true
}
