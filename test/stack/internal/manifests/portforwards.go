package manifests

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// PortForwardKind is the kind of object by which kwok learns where the ports of a pod of the same name lead.
const PortForwardKind = "PortForward"

var portForwards = schema.GroupVersionResource{Group: "kwok.x-k8s.io", Version: "v1alpha1", Resource: "portforwards"}

//go:embed portforwards.yaml
var portForwardDefinition []byte

// DefinePortForwards has the API server serve kwok's PortForwards. It does not wait for it.
func (c *Cluster) DefinePortForwards(ctx context.Context) error {
	objects, err := Parse(portForwardDefinition)
	if err != nil {
		return err
	}
	_, err = c.client.Resource(definitions).Create(ctx, objects[0], metav1.CreateOptions{FieldManager: fieldManager})
	return err
}

// ForwardPorts lets port-forwarding lead to what listens on the pod's address on these ports. The PortForward goes with
// the pod.
func (c *Cluster) ForwardPorts(ctx context.Context, namespace, pod string, ports ...int32) error {
	of, err := c.client.Resource(pods).Namespace(namespace).Get(ctx, pod, metav1.GetOptions{})
	if err != nil {
		return err
	}
	address, _, _ := unstructured.NestedString(of.Object, "status", "podIP")
	if address == "" {
		return errors.New("the pod has no address yet")
	}
	forwards := make([]any, len(ports))
	for i, port := range ports {
		forwards[i] = map[string]any{
			"ports":  []any{int64(port)},
			"target": map[string]any{"address": address, "port": int64(port)},
		}
	}
	forward := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"forwards": forwards}}}
	forward.SetAPIVersion(portForwards.GroupVersion().String())
	forward.SetKind(PortForwardKind)
	forward.SetNamespace(namespace)
	forward.SetName(pod)
	forward.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: pod, UID: of.GetUID()}})
	_, err = c.client.Resource(portForwards).Namespace(namespace).
		Apply(ctx, pod, forward, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err != nil {
		return fmt.Errorf("tell kwok of the ports of pod %s/%s: %w", namespace, pod, err)
	}
	return nil
}
