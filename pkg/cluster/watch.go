package cluster

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Watch loads what is wanted, calls changed with it, and calls changed again after the objects have changed: once for all
// changes that come within the debounce time of the first. It goes on until the context ends, whose error it gives, or
// until something may not be read any more. It needs the permission to watch beside the one to list. A server that cannot be
// reached for a while is waited for; kinds that it did not have at first are not.
//
// What follows from the objects (LoadRequest.Follow) is asked again with each change; where it names other objects than
// before, everything is loaded anew.
func (c *Client) Watch(ctx context.Context, wanted LoadRequest, debounce time.Duration, changed func(*Loaded)) error {
	for {
		found, followed, err := c.readAll(ctx, wanted)
		if err != nil {
			return err
		}
		loaded := found.loaded(wanted)
		changed(loaded)
		err = c.keepUp(ctx, found, debounce, func(found batch) bool {
			loaded := found.loaded(wanted)
			if wanted.Follow != nil && !sameNames(followed, wanted.Follow(loaded.Snapshot)) {
				return false
			}
			changed(loaded)
			return true
		})
		if err != nil {
			return err
		}
	}
}

// sameNames says that two requests name the same Secrets and ConfigMaps.
func sameNames(a, b LoadRequest) bool {
	return slices.Equal(sortedNames(a.Secrets), sortedNames(b.Secrets)) && slices.Equal(sortedNames(a.ConfigMaps), sortedNames(b.ConfigMaps))
}

func sortedNames(names []types.NamespacedName) []string {
	sorted := make([]string, len(names))
	for i, name := range names {
		sorted[i] = name.String()
	}
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// update is what became of one source: it was read anew, or one object of it has changed.
type update struct {
	index  int
	anew   *read
	event  watch.EventType
	object mesh.Object
}

// keepUp watches the sources of a batch, and calls changed with the batch as it has become, until that gives false. What
// changed is given is not touched afterwards.
func (c *Client) keepUp(ctx context.Context, found batch, debounce time.Duration, changed func(batch) bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	updates := make(chan update)
	send := func(u update) {
		select {
		case updates <- u:
		case <-ctx.Done():
		}
	}
	for index, read := range found.reads {
		go func() {
			if err := c.keepUpSource(ctx, index, read.source, send); err != nil {
				cancel(err)
			}
		}()
	}
	state := newWatched(found)
	var due <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case u := <-updates:
			state.take(u)
			if due == nil {
				due = time.After(debounce)
			}
		case <-due:
			due = nil
			if !changed(state.batch()) {
				return nil
			}
		}
	}
}

// keepUpSource sends what becomes of one source until the context ends or it may not be watched.
func (c *Client) keepUpSource(ctx context.Context, index int, from source, send func(update)) error {
	for {
		begun := time.Now()
		err := c.watch(ctx, &from, func(event watch.EventType, object mesh.Object) error {
			send(update{index: index, event: event, object: object})
			return nil
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errWatchExpired):
			var anew read
			err := retry(ctx, retryBackoff, func() (err error) {
				anew, err = c.readSource(ctx, from)
				return err
			})
			if err != nil {
				return err
			}
			from = anew.source
			send(update{index: index, anew: &anew})
		case !errors.Is(err, errWatchEnded):
			return err
		}
		pause(ctx, begun)
	}
}

// readSource reads a source again.
func (c *Client) readSource(ctx context.Context, from source) (read, error) {
	var found batch
	var err error
	if from.name == "" {
		found, err = c.list(ctx, from)
	} else {
		found, err = c.readNamed(ctx, from.kind, types.NamespacedName{Namespace: from.namespace, Name: from.name})
	}
	if err != nil || len(found.reads) == 0 {
		return read{source: from}, err
	}
	return found.reads[0], nil
}

// watched is a batch whose objects change.
type watched struct {
	found   batch
	objects []map[mesh.Key]mesh.Object
}

func newWatched(found batch) *watched {
	w := &watched{found: found, objects: make([]map[mesh.Key]mesh.Object, len(found.reads))}
	for i, read := range found.reads {
		w.objects[i] = byKey(read.objects)
	}
	return w
}

func byKey(objects []mesh.Object) map[mesh.Key]mesh.Object {
	all := make(map[mesh.Key]mesh.Object, len(objects))
	for _, object := range objects {
		all[mesh.KeyOf(object)] = object
	}
	return all
}

func (w *watched) take(u update) {
	switch {
	case u.anew != nil:
		w.found.reads[u.index].gaps = u.anew.gaps
		w.objects[u.index] = byKey(u.anew.objects)
	case u.event == watch.Deleted:
		delete(w.objects[u.index], mesh.KeyOf(u.object))
	default:
		w.objects[u.index][mesh.KeyOf(u.object)] = u.object
	}
}

// batch is how things stand. Its lists are its own.
func (w *watched) batch() batch {
	now := w.found
	now.reads = slices.Clone(w.found.reads)
	for i, objects := range w.objects {
		now.reads[i].objects = make([]mesh.Object, 0, len(objects))
		for _, object := range objects {
			now.reads[i].objects = append(now.reads[i].objects, object)
		}
	}
	return now
}
