// Package projection says what a snapshot will be when a plan has been carried out: what create proves before it writes, and
// what the laws about fixes are tested with.
package projection

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// Of is the snapshot as it will be after the changes, made in their order. Workloads whose pod template changes get new
// pods, as their controllers make them.
func Of(snapshot *mesh.Snapshot, changes []plan.Change) (*mesh.Snapshot, error) {
	projection := projection{forms: map[mesh.Key]*unstructured.Unstructured{}}
	for _, change := range changes {
		if err := projection.add(change); err != nil {
			return nil, err
		}
	}
	next := mesh.Change{}
	for _, key := range projection.order {
		form := projection.forms[key]
		if form == nil {
			next.Removed = append(next.Removed, key)
			continue
		}
		object, known, err := mesh.FromUnstructured(form)
		if err != nil {
			return nil, fmt.Errorf("%s is no longer a valid object after the change: %w", key, err)
		}
		if known {
			next.Put = append(next.Put, object)
		}
	}
	return proxy.Restart(snapshot.With(next), projection.restarted), nil
}

// projection is the objects that the changes so far have touched; nil for one that is gone.
type projection struct {
	forms     map[mesh.Key]*unstructured.Unstructured
	order     []mesh.Key
	restarted []mesh.Key
}

func (p *projection) add(change plan.Change) error {
	kind, known := mesh.KindOf(change.Object.GroupVersionKind().GroupKind())
	if !known {
		return nil // no check sees it
	}
	key := mesh.Key{Kind: kind, Namespace: change.Object.GetNamespace(), Name: change.Object.GetName()}
	current, touched := p.forms[key]
	if !touched {
		p.order = append(p.order, key)
		current = change.Object
	}
	if change.Action != plan.Create {
		change.Object = current
	}
	after, err := change.After()
	if err != nil {
		return err
	}
	p.forms[key] = after
	if ChangesTemplate(change) {
		p.restarted = append(p.restarted, key)
	}
	return nil
}

// Restarted are the workloads whose pods the changes replace: those that are restarted, and those whose template changes.
func Restarted(changes []plan.Change) []mesh.Key {
	var keys []mesh.Key
	for _, change := range changes {
		kind, _ := mesh.KindOf(change.Object.GroupVersionKind().GroupKind())
		key := mesh.Key{Kind: kind, Namespace: change.Object.GetNamespace(), Name: change.Object.GetName()}
		if ChangesTemplate(change) && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// ChangesTemplate reports whether a change is of a workload's pod template, and so replaces its pods.
func ChangesTemplate(change plan.Change) bool {
	for _, edit := range change.Edits {
		if len(edit.Path) > 1 && edit.Path[0] == "spec" && edit.Path[1] == "template" {
			return true
		}
	}
	return false
}
