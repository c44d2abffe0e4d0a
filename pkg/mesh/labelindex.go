package mesh

import "slices"

// LabelIndex finds the labelled things of a namespace that a selector of exact labels matches, without looking at all of them.
type LabelIndex[T any] struct {
	entries map[LabelPair][]labelled[T]
}

// LabelPair is a label of something in a namespace.
type LabelPair struct{ Namespace, Key, Value string }

type labelled[T any] struct {
	thing  T
	labels map[string]string
}

// NewLabelIndex is an empty index.
func NewLabelIndex[T any]() *LabelIndex[T] {
	return &LabelIndex[T]{entries: map[LabelPair][]labelled[T]{}}
}

// Add takes a thing in, by its namespace and labels.
func (x *LabelIndex[T]) Add(namespace string, labels map[string]string, thing T) {
	for key, value := range labels {
		pair := LabelPair{namespace, key, value}
		x.entries[pair] = append(x.entries[pair], labelled[T]{thing, labels})
	}
}

// Matching are the things with all labels of the selector, in the order in which they were added. An empty selector matches
// none, as that of a Service.
func (x *LabelIndex[T]) Matching(namespace string, selector map[string]string) []T {
	var rarest []labelled[T]
	first := true
	for key, value := range selector {
		if entries := x.entries[LabelPair{namespace, key, value}]; first || len(entries) < len(rarest) {
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
