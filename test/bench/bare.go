package main

import (
	"context"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"
	istio "istio.io/client-go/pkg/clientset/versioned/scheme"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	kubernetes "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// lister lists all that the checks ask about, each kind with one request in the form in which lint reads it, all at once. It runs as
// a program of its own.
type lister struct {
	client rest.Interface
	types  *runtime.Scheme
	// decode makes objects of the answers, as client-go's typed clients do; else nothing looks at the bytes.
	decode bool
}

func newLister(kubeconfig string, decode bool) (*lister, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	types := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{kubernetes.AddToScheme, istio.AddToScheme, metav1.AddMetaToScheme} {
		utilruntime.Must(add(types))
	}
	config.QPS = -1
	config.NegotiatedSerializer = serializer.NewCodecFactory(types).WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(config)
	return &lister{client, types, decode}, err
}

func (l *lister) listAll(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, kind := range kindsOfChecks() {
		group.Go(func() error {
			err := l.list(ctx, kind)
			if apierrors.IsNotFound(err) { // its definition is not installed
				return nil
			}
			return err
		})
	}
	return group.Wait()
}

// kindsOfChecks are those that are listed; Secrets and ConfigMaps are read by name.
func kindsOfChecks() []mesh.Kind {
	var kinds []mesh.Kind
	for _, check := range lint.All() {
		kinds = append(append(kinds, check.Reads...), check.Consults...)
	}
	slices.Sort(kinds)
	return slices.DeleteFunc(slices.Compact(kinds), func(kind mesh.Kind) bool {
		return kind == mesh.KindSecret || kind == mesh.KindConfigMap
	})
}

func (l *lister) list(ctx context.Context, kind mesh.Kind) error {
	info := kind.Info()
	resource := info.GroupVersionResource()
	prefix := "/apis/" + resource.Group
	if resource.Group == "" {
		prefix = "/api"
	}
	request := l.client.Get().AbsPath(prefix, resource.Version, resource.Resource)
	listKind := info.GroupVersion().WithKind(info.Kind + "List")
	switch {
	case kind == mesh.KindPod:
		listKind = metav1.SchemeGroupVersion.WithKind("PartialObjectMetadataList")
		request = request.SetHeader("Accept", runtime.ContentTypeProtobuf+";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1").
			Param("fieldSelector", "status.phase!=Succeeded,status.phase!=Failed")
	case kubernetes.Scheme.Recognizes(info.GroupVersionKind):
		request = request.SetHeader("Accept", runtime.ContentTypeProtobuf)
	default:
		request = request.SetHeader("Accept", runtime.ContentTypeJSON)
	}
	if l.decode && l.types.Recognizes(listKind) {
		list, err := l.types.New(listKind)
		if err != nil {
			return err
		}
		return request.Do(ctx).Into(list)
	}
	answer, err := request.Stream(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	_, err = io.Copy(io.Discard, answer)
	return err
}
