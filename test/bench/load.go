package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack"
)

// dataVersion is raised when the objects change in another way than their number.
const dataVersion = 1

// loadedStack starts a stack that holds the objects of a size. The first time they are loaded, which takes long, and what etcd
// then holds is kept in the user's cache; after that a stack begins with it.
func loadedStack(ctx context.Context, s size, log io.Writer) (*stack.Stack, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(cache, "kubectl-grpcexpose", "bench", fmt.Sprintf("v%d-%d-pods", dataVersion, s.pods))
	options := stack.Options{Flavour: stack.Default, Log: log, Programs: []string{"istioctl"}}
	if _, err := os.Stat(data); err != nil {
		fmt.Fprintf(log, "Loading %v: this takes some minutes, once.\n", s)
		empty, err := stack.Start(ctx, options)
		if err != nil {
			return nil, err
		}
		if err := load(ctx, empty, s, log); err != nil {
			_ = empty.Stop() // the first error says more
			return nil, err
		}
		if err := empty.StopAndKeep(data); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(log, "Starting a stack with %v.\n", s)
	options.Data = data
	loaded, err := stack.Start(ctx, options)
	if err != nil {
		return nil, err
	}
	if err := awaitRunning(ctx, loaded, s, log); err != nil {
		_ = loaded.Stop() // the first error says more
		return nil, err
	}
	return loaded, nil
}

// load creates the objects, and waits until the controllers, the injector and kwok have made pods of them.
func load(ctx context.Context, on *stack.Stack, s size, log io.Writer) error {
	config, err := clientConfig(on)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := createAll(ctx, client, s.namespaceObjects()); err != nil {
		return err
	}
	if err := createAll(ctx, client, s.objects()); err != nil {
		return err
	}
	return awaitRunning(ctx, on, s, log)
}

func clientConfig(on *stack.Stack) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", on.Kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	return config, nil
}

var resources = map[string]schema.GroupVersionResource{
	"Namespace":      {Version: "v1", Resource: "namespaces"},
	"Service":        {Version: "v1", Resource: "services"},
	"Deployment":     {Group: "apps", Version: "v1", Resource: "deployments"},
	"Gateway":        {Group: "networking.istio.io", Version: "v1", Resource: "gateways"},
	"VirtualService": {Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"},
}

func createAll(ctx context.Context, client dynamic.Interface, texts []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, text := range texts {
		group.Go(func() error {
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
				return err
			}
			_, err := client.Resource(resources[object.GetKind()]).Namespace(object.GetNamespace()).Create(ctx, object, metav1.CreateOptions{})
			if err != nil && !apierrors.IsAlreadyExists(err) { // a request that was sent again
				return fmt.Errorf("create %s %s/%s: %w", object.GetKind(), object.GetNamespace(), object.GetName(), err)
			}
			return nil
		})
	}
	return group.Wait()
}

// awaitRunning returns when all pods are there and run.
func awaitRunning(ctx context.Context, on *stack.Stack, s size, log io.Writer) error {
	config, err := clientConfig(on)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	for {
		running, err := runningPods(ctx, client)
		if err != nil || running >= s.pods {
			return err
		}
		fmt.Fprintf(log, "  %d of %d pods run\n", running, s.pods)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(15 * time.Second):
		}
	}
}

// runningPods counts the replicas that Deployments have ready: listing the pods themselves would slow down what makes them. It
// takes a page at a time, because on Linux the peak memory of a program begins with that of the one that starts it.
func runningPods(ctx context.Context, client kubernetes.Interface) (running int, err error) {
	options := metav1.ListOptions{LabelSelector: "app.kubernetes.io/part-of=shop", Limit: 100}
	for {
		page, err := client.AppsV1().Deployments("").List(ctx, options)
		if err != nil {
			return 0, err
		}
		for _, deployment := range page.Items {
			running += int(deployment.Status.ReadyReplicas)
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return running, nil
		}
	}
}
