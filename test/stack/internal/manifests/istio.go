package manifests

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Where Istio's profiles put the ingress gateway.
const (
	IstioNamespace = "istio-system"
	GatewayName    = "istio-ingressgateway"
)

// CallLocally makes the webhook configurations among the objects call, instead of a Service, the istiod that serves
// their revision on the loopback port: no process here forwards what is sent to a Service's address. Selectors, rules and
// policies stay as the charts have them. A webhook of a revision without a port is an error.
func CallLocally(objects []*unstructured.Unstructured, ports map[string]int) error {
	for _, object := range objects {
		if !strings.HasSuffix(object.GetKind(), "WebhookConfiguration") {
			continue
		}
		webhooks, _, err := unstructured.NestedSlice(object.Object, "webhooks")
		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		revision := object.GetLabels()["istio.io/rev"]
		port, ok := ports[revision]
		if !ok {
			return fmt.Errorf("%s %s belongs to revision %q, and no istiod of the stack serves it", object.GetKind(), object.GetName(), revision)
		}
		for _, webhook := range webhooks {
			webhook, ok := webhook.(map[string]any)
			if !ok {
				return fmt.Errorf("%s %s has a webhook that is no object", object.GetKind(), object.GetName())
			}
			path, _, err := unstructured.NestedString(webhook, "clientConfig", "service", "path")
			if err != nil {
				return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
			}
			webhook["clientConfig"] = map[string]any{"url": fmt.Sprintf("https://127.0.0.1:%d%s", port, path)}
		}
		if err := unstructured.SetNestedSlice(object.Object, webhooks, "webhooks"); err != nil {
			return err
		}
	}
	return nil
}

// OpenGatewayPorts gives the ingress gateway's Service among the objects these ports and no others.
func OpenGatewayPorts(objects []*unstructured.Unstructured, ports []corev1.ServicePort) error {
	var list []any
	for _, port := range ports {
		converted, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&port)
		if err != nil {
			return err
		}
		list = append(list, converted)
	}
	for _, object := range objects {
		if object.GetKind() == "Service" && object.GetName() == GatewayName {
			return unstructured.SetNestedSlice(object.Object, list, "spec", "ports")
		}
	}
	return fmt.Errorf("the charts render no Service %s", GatewayName)
}
