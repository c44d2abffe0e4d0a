package mesh

import "slices"

// UnreadWorkload makes pods and is of a kind that the model does not read, as a ReplicaSet or a Rollout in files. No more is known of
// its pods than their labels.
type UnreadWorkload struct {
	Namespace string
	// Labels are those of the pod template; nil where an operator makes the pods, with labels that nobody knows from the object.
	Labels map[string]string
}

// SelectsUnread reports whether the labels are those of pods of an UnreadWorkload in the namespace. An empty selector matches none, as
// that of a Service.
func (s *Snapshot) SelectsUnread(namespace string, selector map[string]string) bool {
	return len(selector) > 0 && slices.ContainsFunc(s.options.Unread, func(unread UnreadWorkload) bool {
		return unread.Namespace == namespace && (unread.Labels == nil || HasLabels(unread.Labels, selector))
	})
}
