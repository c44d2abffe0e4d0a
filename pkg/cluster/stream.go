package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// source is a list of objects, or one object, that can be read and then watched.
type source struct {
	kind mesh.Kind
	// namespace and name are empty for all.
	namespace, name string
	// version is the resource version up to which it is known.
	version string
	// entire keeps what has no bearing on calls.
	entire bool
}

func (s source) request(verb string) request {
	info := s.kind.Info()
	what := request{permission: Permission{Verb: verb, Group: info.Group, Resource: info.Resource, Namespace: s.namespace, Name: s.name}}
	if s.name != "" {
		what.object = mesh.Key{Kind: s.kind, Namespace: s.namespace, Name: s.name}.String()
	}
	return what
}

// errWatchEnded says that a watch has ended as watches do; it is begun again where it ended.
var errWatchEnded = errors.New("the watch has ended")

// errWatchExpired says that the server no longer knows what came after the version; the source is to be read again.
var errWatchExpired = errors.New("the watched version is too old")

// watch calls handle with each change after the source's version, and keeps the version up to date, until handle gives an
// error, which is given back, or the watch ends. Events come as JSON for all kinds: there are few of them.
func (c *Client) watch(ctx context.Context, from *source, handle func(event watch.EventType, object mesh.Object) error) error {
	what := from.request("watch")
	resource, _, err := c.resource(ctx, from.kind)
	if err != nil {
		return err
	}
	request := at(c.rest.Get(), resource, from.namespace, "").SetHeader("Accept", runtime.ContentTypeJSON).
		Param("watch", "true").Param("allowWatchBookmarks", "true").Param("resourceVersion", from.version)
	switch {
	case from.name != "":
		request = request.Param("fieldSelector", fields.OneTermEqualSelector("metadata.name", from.name).String())
	case from.kind == mesh.KindPod:
		request = request.Param("fieldSelector", runningPods)
	}
	if from.kind == mesh.KindPod {
		request = request.SetHeader("Accept", runtime.ContentTypeJSON+";as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
	}
	stream, err := request.Stream(ctx)
	if err != nil {
		return c.watchFailure(ctx, what, err)
	}
	defer func() { _ = stream.Close() }()
	for events := json.NewDecoder(stream); ; {
		var event metav1.WatchEvent
		if err := events.Decode(&event); err != nil {
			if ctx.Err() != nil {
				return c.failure(ctx, what, err)
			}
			return errWatchEnded
		}
		if err := c.handle(ctx, from, event, handle); err != nil {
			return err
		}
	}
}

// handle takes one event apart.
func (c *Client) handle(ctx context.Context, from *source, event metav1.WatchEvent, handle func(watch.EventType, mesh.Object) error) error {
	if event.Type == string(watch.Error) {
		var status metav1.Status
		if err := json.Unmarshal(event.Object.Raw, &status); err != nil {
			return errWatchEnded
		}
		return c.watchFailure(ctx, from.request("watch"), apierrors.FromObject(&status))
	}
	var identity metav1.PartialObjectMetadata
	if err := json.Unmarshal(event.Object.Raw, &identity); err != nil {
		return fmt.Errorf("an event about %s cannot be read: %w", from.kind.Info().Resource, err)
	}
	from.version = identity.ResourceVersion
	if event.Type == string(watch.Bookmark) {
		return nil
	}
	if from.kind == mesh.KindPod {
		identity.ManagedFields = nil
		return handle(watch.EventType(event.Type), &core.Pod{ObjectMeta: identity.ObjectMeta})
	}
	object, known, err := mesh.Decode(event.Object.Raw)
	if err != nil || !known {
		// The next full read makes a gap of an object that cannot be read.
		return errWatchExpired
	}
	return handle(watch.EventType(event.Type), object)
}

// watchFailure tells what a new watch, or a fresh read and a new watch, get over from what ends it.
func (c *Client) watchFailure(ctx context.Context, what request, err error) error {
	failure := c.failure(ctx, what, err)
	switch {
	case ctx.Err() != nil:
		return failure
	case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		return errWatchExpired
	case broken(failure):
		return errWatchEnded
	default:
		return failure
	}
}
