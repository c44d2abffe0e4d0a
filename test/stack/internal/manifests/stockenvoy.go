package manifests

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// ForStockEnvoy changes the mesh configurations among the objects so that what istiod makes of them has nothing in it
// that a stock Envoy does not know: no metrics by Istio's own filter, and no automatic mutual TLS, because nothing here
// plays the other side of it.
func ForStockEnvoy(objects []*unstructured.Unstructured) error {
	found := false
	for _, object := range objects {
		text, isMesh, err := unstructured.NestedString(object.Object, "data", "mesh")
		if err != nil || !isMesh || object.GetKind() != "ConfigMap" {
			continue
		}
		mesh := map[string]any{}
		if err := yaml.Unmarshal([]byte(text), &mesh); err != nil {
			return fmt.Errorf("parse the mesh configuration in ConfigMap %s: %w", object.GetName(), err)
		}
		mesh["enableAutoMtls"] = false
		delete(mesh, "defaultProviders")
		changed, err := yaml.Marshal(mesh)
		if err != nil {
			return err
		}
		if err := unstructured.SetNestedField(object.Object, string(changed), "data", "mesh"); err != nil {
			return err
		}
		found = true
	}
	if !found {
		return errors.New("the charts render no mesh configuration")
	}
	return nil
}
