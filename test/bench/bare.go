package main

import (
	"context"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// listBare lists all that the checks ask about, each kind with one request in the form in which lint reads it, all at once, and
// looks at nothing of the answers: the time that any program takes which needs these objects. It runs as a program of its own.
func listBare(ctx context.Context, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, kind := range kindsOfChecks() {
		group.Go(func() error { return listKind(ctx, client, kind) })
	}
	return group.Wait()
}

// kindsOfChecks are those that are listed; Secrets and ConfigMaps are read by name.
func kindsOfChecks() []mesh.Kind {
	var kinds []mesh.Kind
	for _, check := range checks.All() {
		kinds = append(append(kinds, check.Reads...), check.Consults...)
	}
	slices.Sort(kinds)
	return slices.DeleteFunc(slices.Compact(kinds), func(kind mesh.Kind) bool {
		return kind == mesh.KindSecret || kind == mesh.KindConfigMap
	})
}

func listKind(ctx context.Context, client rest.Interface, kind mesh.Kind) error {
	resource := kind.Info().GroupVersionResource()
	prefix := "/apis/" + resource.Group
	if resource.Group == "" {
		prefix = "/api"
	}
	request := client.Get().AbsPath(prefix, resource.Version, resource.Resource)
	switch {
	case kind == mesh.KindPod:
		request = request.SetHeader("Accept", runtime.ContentTypeProtobuf+";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1").
			Param("fieldSelector", "status.phase!=Succeeded,status.phase!=Failed")
	case scheme.Scheme.Recognizes(kind.Info().GroupVersionKind):
		request = request.SetHeader("Accept", runtime.ContentTypeProtobuf)
	default:
		request = request.SetHeader("Accept", runtime.ContentTypeJSON)
	}
	answer, err := request.Stream(ctx)
	if apierrors.IsNotFound(err) { // its definition is not installed
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	_, err = io.Copy(io.Discard, answer)
	return err
}
