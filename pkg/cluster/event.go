package cluster

import (
	"cmp"
	"context"
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// RecordEvent leaves an Event about an object, for kubectl describe and for whoever looks into what happened to it. The type
// is core.EventTypeNormal or core.EventTypeWarning, the reason one word in CamelCase. It is best effort: what comes back is a
// note for the user, empty if the event was stored.
func (c *Client) RecordEvent(ctx context.Context, object mesh.Object, eventType, reason, message string) (note string) {
	now := time.Now()
	apiVersion, kind := mesh.GroupVersionKind(object).ToAPIVersionAndKind()
	// Events of cluster-scoped objects are in namespace default. Source: k8s.io/client-go, tools/record/event.go (makeEvent).
	namespace := cmp.Or(object.GetNamespace(), metav1.NamespaceDefault)
	event := &core.Event{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s.%x", object.GetName(), now.UnixNano()), Namespace: namespace},
		InvolvedObject: core.ObjectReference{
			APIVersion: apiVersion, Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName(),
			UID: object.GetUID(), ResourceVersion: object.GetResourceVersion(),
		},
		Type: eventType, Reason: reason, Message: message,
		FirstTimestamp: metav1.NewTime(now), LastTimestamp: metav1.NewTime(now), Count: 1,
		Source: core.EventSource{Component: DefaultFieldManager}, ReportingController: DefaultFieldManager,
	}
	resource := core.SchemeGroupVersion.WithResource("events")
	err := at(c.rest.Post(), resource, namespace, "").Timeout(readTimeout).Body(event).Do(ctx).Error()
	what := request{
		permission: Permission{Verb: "create", Resource: "events", Namespace: namespace},
		object:     "an Event about " + mesh.KeyOf(object).String(), limit: readTimeout,
	}
	if err := c.failure(ctx, what, err); err != nil {
		return "no Event was recorded: " + err.Error()
	}
	return ""
}
