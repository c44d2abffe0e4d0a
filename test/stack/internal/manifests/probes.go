package manifests

import (
	"context"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	pods     = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	gateways = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "gateways"}
)

// Injects returns nil once a pod of the revision gets a proxy. That is later than WebhooksArmed: the API server learns of
// its webhooks by a watch, like everybody else, and until then refuses pods for a webhook without an authority. The pod is
// created in a dry run.
func (c *Cluster) Injects(ctx context.Context, revision string) error {
	pod := probe("v1", "Pod", map[string]any{
		"containers": []any{map[string]any{"name": "probe", "image": "example.com/probe"}},
	})
	pod.SetLabels(map[string]string{"istio.io/rev": revision})
	created, err := c.tryOut(ctx, pods, pod)
	if err != nil {
		return err
	}
	if _, injected := created.GetAnnotations()["sidecar.istio.io/status"]; !injected {
		return fmt.Errorf("a pod of revision %s gets no proxy", revision)
	}
	return nil
}

// Validates returns nil once a Gateway without servers is refused.
func (c *Cluster) Validates(ctx context.Context) error {
	_, err := c.tryOut(ctx, gateways, probe("networking.istio.io/v1", "Gateway", map[string]any{}))
	switch {
	case err == nil:
		return errors.New("a Gateway without servers is not refused")
	// The words of k8s.io/apiserver, ToStatusErr in pkg/admission/plugin/webhook/errors/statuserror.go; a webhook that
	// does not answer gives others.
	case strings.Contains(err.Error(), "denied the request"):
		return nil
	default:
		return err
	}
}

// probe returns an object that is only tried out.
func probe(version, kind string, spec map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	object.SetAPIVersion(version)
	object.SetKind(kind)
	object.SetName("stack-probe")
	return object
}

// tryOut creates the object in the namespace default in a dry run, and returns what it would be.
func (c *Cluster) tryOut(ctx context.Context, resource schema.GroupVersionResource, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return c.client.Resource(resource).Namespace(metav1.NamespaceDefault).
		Create(ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: fieldManager})
}
