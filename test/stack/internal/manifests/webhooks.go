package manifests

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	mutating   = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"}
	validating = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"}
)

// WebhooksArmed returns nil once every webhook of the revision works: istiod has put its certificate authority into it
// (Istio's pkg/webhooks/webhookpatch.go) and has turned the validating ones from Ignore to Fail, which it does when one
// of them has refused an invalid Gateway (readyForFailClose in pkg/webhooks/validation/controller/controller.go).
func (c *Cluster) WebhooksArmed(ctx context.Context, revision string) error {
	for _, resource := range []schema.GroupVersionResource{mutating, validating} {
		list, err := c.client.Resource(resource).List(ctx, metav1.ListOptions{LabelSelector: "istio.io/rev=" + revision})
		if err != nil {
			return err
		}
		if len(list.Items) == 0 {
			return fmt.Errorf("revision %s has no %s", revision, resource.Resource)
		}
		for _, configuration := range list.Items {
			if err := armed(configuration); err != nil {
				return err
			}
		}
	}
	return nil
}

func armed(configuration unstructured.Unstructured) error {
	webhooks, _, err := unstructured.NestedSlice(configuration.Object, "webhooks")
	if err != nil {
		return err
	}
	for _, webhook := range webhooks {
		fields, ok := webhook.(map[string]any)
		if !ok {
			return fmt.Errorf("%s %s has a webhook that is no object", configuration.GetKind(), configuration.GetName())
		}
		if bundle, _, _ := unstructured.NestedString(fields, "clientConfig", "caBundle"); bundle == "" {
			return fmt.Errorf("webhook %v of %s has no caBundle", fields["name"], configuration.GetName())
		}
		if fields["failurePolicy"] != "Fail" {
			return fmt.Errorf("webhook %v of %s has failurePolicy %v", fields["name"], configuration.GetName(), fields["failurePolicy"])
		}
	}
	return nil
}
