package manifests

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/retry"
)

// fieldManager owns what the stack applies.
const fieldManager = "stack"

var (
	definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	namespaces  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	nodes       = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	accounts    = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	services    = schema.GroupVersionResource{Version: "v1", Resource: "services"}
)

// Cluster is the stack's API server, as its administrator sees it.
type Cluster struct {
	discovery discovery.DiscoveryInterface
	client    dynamic.Interface
	mapper    meta.RESTMapper
}

// Connect returns the cluster of the kubeconfig. It sends nothing yet.
func Connect(kubeconfig string) (*Cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // no limit of our own: the API server has its own
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	discoverer, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discoverer))
	return &Cluster{discovery: discoverer, client: client, mapper: mapper}, nil
}

// Ready returns nil if the API server says that it is ready.
func (c *Cluster) Ready(ctx context.Context) error {
	return c.discovery.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// Apply applies the objects, several at a time: they must not depend on each other.
func (c *Cluster) Apply(ctx context.Context, objects []*unstructured.Unstructured) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, object := range objects {
		group.Go(func() error { return c.apply(ctx, object) })
	}
	return group.Wait()
}

func (c *Cluster) apply(ctx context.Context, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", kind.Kind, object.GetName(), err)
	}
	resource := c.client.Resource(mapping.Resource).Namespace(object.GetNamespace())
	err = retry.OnError(retry.DefaultBackoff, isBrokenOff, func() error {
		_, err := resource.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		return err
	})
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", kind.Kind, object.GetName(), err)
	}
	return nil
}

// isBrokenOff says that the connection ended before the answer. To apply again does no harm.
func isBrokenOff(err error) bool { return utilnet.IsProbableEOF(err) || utilnet.IsConnectionReset(err) }

// CreateNamespace creates the namespace, unless it is there.
func (c *Cluster) CreateNamespace(ctx context.Context, name string) error {
	namespace := &unstructured.Unstructured{}
	namespace.SetAPIVersion("v1")
	namespace.SetKind("Namespace")
	namespace.SetName(name)
	_, err := c.client.Resource(namespaces).Create(ctx, namespace, metav1.CreateOptions{FieldManager: fieldManager})
	return unlessThere(err)
}

//go:embed node.yaml
var node []byte

// unlessThere forgives that an object is there already: in a stack that begins with another's data most are.
func unlessThere(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// CreateNode creates the stack's node with a kubelet of the version, unless it is there. It is created, not applied: applying would leave
// its status out, where a kubelet states its version.
func (c *Cluster) CreateNode(ctx context.Context, kubeletVersion string) error {
	objects, err := Parse(node)
	if err != nil {
		return err
	}
	if err := unstructured.SetNestedField(objects[0].Object, kubeletVersion, "status", "nodeInfo", "kubeletVersion"); err != nil {
		return err
	}
	_, err = c.client.Resource(nodes).Create(ctx, objects[0], metav1.CreateOptions{FieldManager: fieldManager})
	return unlessThere(err)
}

// SetGatewayAddress gives the ingress gateway's Service the external address that a cloud's load balancer would have.
func (c *Cluster) SetGatewayAddress(ctx context.Context, address string) error {
	status := map[string]any{"loadBalancer": map[string]any{"ingress": []any{map[string]any{"ip": address}}}}
	return c.patch(ctx, services, GatewayName, map[string]any{"status": status}, "status")
}

// ScaleIstiod sets the number of replicas of the istiod's Deployment.
func (c *Cluster) ScaleIstiod(ctx context.Context, deployment string, replicas int) error {
	return c.patch(ctx, deployments, deployment, map[string]any{"spec": map[string]any{"replicas": replicas}}, "scale")
}

// patch merges the change into a subresource of an object in istio-system.
func (c *Cluster) patch(ctx context.Context, resource schema.GroupVersionResource, name string, change map[string]any, subresource string) error {
	body, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, err = c.client.Resource(resource).Namespace(IstioNamespace).
		Patch(ctx, name, types.MergePatchType, body, metav1.PatchOptions{FieldManager: fieldManager}, subresource)
	return err
}

// DefinitionsServed returns nil once every custom resource definition is established.
func (c *Cluster) DefinitionsServed(ctx context.Context) error {
	list, err := c.client.Resource(definitions).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, definition := range list.Items {
		if !hasCondition(definition, "Established") {
			return fmt.Errorf("the definition %s is not established", definition.GetName())
		}
	}
	return nil
}

// NodeReady returns nil once kwok has made the node ready.
func (c *Cluster) NodeReady(ctx context.Context) error {
	list, err := c.client.Resource(nodes).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, node := range list.Items {
		if hasCondition(node, "Ready") {
			return nil
		}
	}
	return errors.New("no node is ready")
}

// AccountsMade returns nil once the controllers have made the default service account, without which no pod is admitted.
func (c *Cluster) AccountsMade(ctx context.Context) error {
	_, err := c.client.Resource(accounts).Namespace(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return errors.New("the controllers have not made the service account default/default")
	}
	return err
}

// DeploymentsAvailable returns nil once every Deployment in istio-system is available.
func (c *Cluster) DeploymentsAvailable(ctx context.Context) error {
	list, err := c.client.Resource(deployments).Namespace(IstioNamespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, deployment := range list.Items {
		if !hasCondition(deployment, "Available") {
			return fmt.Errorf("deployment %s/%s is not available", IstioNamespace, deployment.GetName())
		}
	}
	return nil
}

// hasCondition reports whether the object's status has the condition with status True.
func hasCondition(object unstructured.Unstructured, kind string) bool {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		if fields, ok := condition.(map[string]any); ok && fields["type"] == kind {
			return fields["status"] == "True"
		}
	}
	return false
}
