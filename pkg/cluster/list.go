package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metainternal "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster/wire"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

const (
	// runningPods leaves out pods that have ended: they hold no address and no proxy.
	runningPods = "status.phase!=Succeeded,status.phase!=Failed"
	// metadataList asks for labels, annotations and owners alone.
	metadataList = runtime.ContentTypeProtobuf + ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

// list reads all objects of a source with one request, and decodes them as they come in. It is neither paged nor asked for an old
// state (resourceVersion=0): servers since 1.31 answer a consistent read of everything from memory, but later pages from etcd.
// Source: k8s.io/apiserver/pkg/storage/cacher/delegator (ShouldDelegateList).
func (c *Client) list(ctx context.Context, from source) (batch, error) {
	kind := from.kind
	resource, ok, err := c.resource(ctx, kind)
	if err != nil {
		return batch{}, err
	}
	if !ok {
		return batch{notServed: []mesh.Kind{kind}}, nil
	}
	asked := c.get(resource, from.namespace, "").Timeout(listTimeout)
	if kind == mesh.KindPod {
		asked.Param("fieldSelector", runningPods).SetHeader("Accept", metadataList)
	}
	found := read{source: from}
	var list runtime.Object
	if wire.BuiltIn().Recognizes(kind.Info().GroupVersionKind) {
		err = answered(ctx, asked, func(answer *bufio.Reader) (err error) {
			list, err = wire.List(answer, kind, from.entire)
			return err
		})
	} else {
		list, err = customList(ctx, asked, kind, &found)
	}
	if err != nil {
		permission := Permission{Verb: "list", Group: resource.Group, Resource: resource.Resource, Namespace: from.namespace}
		return batch{}, c.failure(ctx, request{permission: permission, limit: listTimeout}, err)
	}
	about, err := meta.ListAccessor(list)
	if err != nil {
		return batch{}, err
	}
	found.source.version = about.GetResourceVersion()
	err = meta.EachListItem(list, func(object runtime.Object) error {
		found.objects = append(found.objects, object.(mesh.Object))
		return nil
	})
	return batch{reads: []read{found}}, err
}

// resource is where a kind is read; the kinds that every server has need no discovery.
func (c *Client) resource(ctx context.Context, kind mesh.Kind) (resource schema.GroupVersionResource, ok bool, err error) {
	if info := kind.Info(); wire.BuiltIn().Recognizes(info.GroupVersionKind) {
		return info.GroupVersionResource(), true, nil
	}
	served, err := c.Discover(ctx)
	if err != nil {
		return schema.GroupVersionResource{}, false, err
	}
	resource, ok = served.Resource(kind)
	return resource, ok, nil
}

// customList decodes custom resources, which travel as JSON only. One that cannot be decoded is a gap of its own and does
// not hide the others.
func customList(ctx context.Context, asked *rest.Request, kind mesh.Kind, found *read) (runtime.Object, error) {
	list := &metainternal.List{}
	err := answered(ctx, asked.SetHeader("Accept", runtime.ContentTypeJSON), func(answer *bufio.Reader) error {
		return wire.JSONItems(answer, &list.ListMeta, func(item json.RawMessage) {
			object, err := mesh.DecodeAs(kind, item)
			if err != nil {
				found.gaps = append(found.gaps, unreadable(kind, item, err))
				return
			}
			if !found.source.entire {
				object.SetManagedFields(nil)
			}
			list.Items = append(list.Items, object)
		})
	})
	return list, err
}

func unreadable(kind mesh.Kind, item json.RawMessage, err error) mesh.Gap {
	var identity metav1.PartialObjectMetadata
	gap := mesh.Gap{Kind: kind, Reason: err.Error()}
	if json.Unmarshal(item, &identity) == nil {
		gap.Namespace, gap.Name = identity.Namespace, identity.Name
	}
	return gap
}

// readNamed reads one object of a built-in kind. One that is not there gives nothing, for that is known then; one that the
// user may not read gives a gap.
func (c *Client) readNamed(ctx context.Context, kind mesh.Kind, name types.NamespacedName) (batch, error) {
	found := read{source: source{kind: kind, namespace: name.Namespace, name: name.Name}}
	object, err := c.readOne(ctx, kind, name)
	if missing, forbidden := mayNot(err); forbidden {
		return mayNotRead(mesh.Gap{Kind: kind, Namespace: name.Namespace, Name: name.Name}, missing), nil
	}
	if _, missing := errors.AsType[*NotFound](err); missing {
		return batch{reads: []read{found}}, nil
	}
	if err != nil {
		return batch{}, err
	}
	found.source.version = object.GetResourceVersion()
	found.objects = []mesh.Object{object}
	return batch{reads: []read{found}}, nil
}

// readOne is one object of a built-in kind.
func (c *Client) readOne(ctx context.Context, kind mesh.Kind, name types.NamespacedName) (mesh.Object, error) {
	info := kind.Info()
	object, err := wire.BuiltIn().New(info.GroupVersionKind)
	if err != nil {
		return nil, err
	}
	err = c.get(info.GroupVersionResource(), name.Namespace, name.Name).Do(ctx).Into(object)
	return object.(mesh.Object), c.failure(ctx, requestFor("get", kind, name), err)
}

// requestFor describes a request for one object.
func requestFor(verb string, kind mesh.Kind, name types.NamespacedName) request {
	info := kind.Info()
	return request{
		permission: Permission{Verb: verb, Group: info.Group, Resource: info.Resource, Namespace: name.Namespace, Name: name.Name},
		object:     mesh.Key{Kind: kind, Namespace: name.Namespace, Name: name.Name}.String(),
		limit:      readTimeout,
	}
}

// podsOf are the pods in a namespace that match, whole, ended ones too: for diagnosis, where metadata is not enough.
func (c *Client) podsOf(ctx context.Context, namespace string, selector labels.Selector) ([]*core.Pod, error) {
	var list core.PodList
	err := c.get(mesh.KindPod.Info().GroupVersionResource(), namespace, "").Param("labelSelector", selector.String()).Do(ctx).Into(&list)
	if err != nil {
		what := request{permission: Permission{Verb: "list", Resource: "pods", Namespace: namespace}, limit: readTimeout}
		return nil, c.failure(ctx, what, err)
	}
	pods := make([]*core.Pod, 0, len(list.Items))
	err = meta.EachListItem(&list, func(object runtime.Object) error {
		pods = append(pods, object.(*core.Pod))
		return nil
	})
	return pods, err
}

// mayNot says whether an error is for lack of permission, and of which.
func mayNot(err error) (missing Permission, forbidden bool) {
	denied, ok := errors.AsType[*Forbidden](err)
	if !ok || len(denied.Missing) == 0 {
		return Permission{}, false
	}
	return denied.Missing[0], true
}

// mayNotRead is what is read of a part that the user may not read: a gap.
func mayNotRead(gap mesh.Gap, missing Permission) batch {
	gap.Reason = missing.Denied()
	return batch{gaps: []mesh.Gap{gap}, missing: []Permission{missing}}
}
