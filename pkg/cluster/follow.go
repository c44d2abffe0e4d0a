package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// watchPause is how long after a watch that ended at once the next one begins.
const watchPause = time.Second

// follow calls judge with an object of a built-in kind as it is now and after each change, until judge says that it is done,
// or gives an error, or the context ends. Watches that the server closes, as it does from time to time, are begun again; where
// the user may not watch, the object is read each second.
func (c *Client) follow(ctx context.Context, kind mesh.Kind, name types.NamespacedName, judge func(mesh.Object) (done bool, err error)) error {
	for {
		begun := time.Now()
		var object mesh.Object
		err := retry(ctx, retryBackoff, func() (err error) {
			object, err = c.readOne(ctx, kind, name)
			return err
		})
		if err != nil {
			return err
		}
		if done, err := judge(object); done || err != nil {
			return err
		}
		from := source{kind: kind, namespace: name.Namespace, name: name.Name, version: object.GetResourceVersion()}
		err = c.watch(ctx, &from, func(event watch.EventType, object mesh.Object) error {
			if event == watch.Deleted {
				return &NotFound{Object: mesh.KeyOf(object).String()}
			}
			done, err := judge(object)
			if done && err == nil {
				err = errDone
			}
			return err
		})
		_, forbidden := errors.AsType[*Forbidden](err)
		switch {
		case errors.Is(err, errDone):
			return nil
		case forbidden: // who may read it may look again
		case !errors.Is(err, errWatchEnded) && !errors.Is(err, errWatchExpired):
			return err
		}
		pause(ctx, begun)
	}
}

// errDone ends a watch that has seen what it waited for.
var errDone = errors.New("done")

// pause waits where a watch that began then ended at once, so that a server in trouble is not asked without end.
func pause(ctx context.Context, begun time.Time) {
	select {
	case <-ctx.Done():
	case <-time.After(watchPause - time.Since(begun)):
	}
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
