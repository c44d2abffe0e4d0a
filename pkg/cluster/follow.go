package cluster

import (
	"context"
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// watchPause is how long after a watch that ended at once the next one begins.
const watchPause = time.Second

// follow calls judge with an object of a built-in kind as it is now and after each change, until judge says that it is done,
// or gives an error, or the context ends. Watches that the server closes, as it does from time to time, are begun again.
func (c *Client) follow(ctx context.Context, kind mesh.Kind, name types.NamespacedName, judge func(mesh.Object) (done bool, err error)) error {
	for {
		begun := time.Now()
		var object mesh.Object
		err := retry(ctx, func() (err error) {
			object, err = c.readOne(ctx, kind, name)
			return err
		})
		if err != nil {
			return err
		}
		if done, err := judge(object); done || err != nil {
			return err
		}
		if done, err := c.followFrom(ctx, kind, object, judge); done || err != nil {
			return err
		}
		if time.Since(begun) < watchPause {
			select {
			case <-ctx.Done():
			case <-time.After(watchPause):
			}
		}
	}
}

// readOne is one object of a built-in kind.
func (c *Client) readOne(ctx context.Context, kind mesh.Kind, name types.NamespacedName) (mesh.Object, error) {
	info := kind.Info()
	object, err := builtIn().New(info.GroupVersionKind)
	if err != nil {
		return nil, err
	}
	err = c.get(info.GroupVersionResource(), name.Namespace, name.Name).Do(ctx).Into(object)
	return object.(mesh.Object), c.failure(ctx, requestFor("get", kind, name), err)
}

// followFrom watches an object from the version that was read. Without done and error the watch has ended.
func (c *Client) followFrom(ctx context.Context, kind mesh.Kind, from mesh.Object, judge func(mesh.Object) (bool, error)) (done bool, err error) {
	name := types.NamespacedName{Namespace: from.GetNamespace(), Name: from.GetName()}
	what := requestFor("watch", kind, name)
	events, err := at(c.rest.Get(), kind.Info().GroupVersionResource(), name.Namespace, "").
		Param("watch", "true").Param("resourceVersion", from.GetResourceVersion()).
		Param("fieldSelector", fields.OneTermEqualSelector("metadata.name", name.Name).String()).
		Watch(ctx)
	if err != nil {
		return false, c.watchFailure(ctx, what, err)
	}
	defer events.Stop()
	for event := range events.ResultChan() {
		switch event.Type {
		case watch.Added, watch.Modified:
			if done, err := judge(event.Object.(mesh.Object)); done || err != nil {
				return done, err
			}
		case watch.Deleted:
			return false, &NotFound{Object: what.object}
		case watch.Error:
			return false, c.watchFailure(ctx, what, apierrors.FromObject(event.Object))
		}
	}
	return false, c.failure(ctx, what, ctx.Err())
}

// watchFailure is nil for what a fresh read and a new watch get over.
func (c *Client) watchFailure(ctx context.Context, what request, err error) error {
	if ctx.Err() == nil && (apierrors.IsResourceExpired(err) || apierrors.IsGone(err)) {
		return nil
	}
	failure := c.failure(ctx, what, err)
	if ctx.Err() == nil && broken(failure) {
		return nil // the read that comes next says whether the server is there at all
	}
	return failure
}

// WaitPortOpen waits until a Service has a TCP port of that number, as a controller that opens the ports of Gateways makes
// it. The error is *Timeout, *NotFound or *Forbidden, or the context's own when it was cancelled.
func (c *Client) WaitPortOpen(ctx context.Context, service types.NamespacedName, port int32) error {
	err := c.follow(ctx, mesh.KindService, service, func(object mesh.Object) (bool, error) {
		for _, open := range object.(*core.Service).Spec.Ports {
			if open.Port == port && (open.Protocol == core.ProtocolTCP || open.Protocol == "") {
				return true, nil
			}
		}
		return false, nil
	})
	if ctx.Err() == context.DeadlineExceeded && err != nil {
		return &Timeout{Doing: fmt.Sprintf("waiting for port %d of Service %s to be opened", port, service)}
	}
	return err
}
