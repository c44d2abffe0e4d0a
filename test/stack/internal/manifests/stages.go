package manifests

import (
	"bytes"
	_ "embed"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// FailAnnotation makes a pod that has it fail; see failing-pods.yaml for the values.
const FailAnnotation = "stack.grpcexpose.test/fail"

//go:embed failing-pods.yaml
var failingPods []byte

// WithFailingPods returns kwok's configuration: its own stages, given as YAML, and one for the pods that are to fail,
// which the others then leave alone. Among several stages that fit, kwok would throw dice.
func WithFailingPods(stages []byte) ([]byte, error) {
	objects, err := Parse(stages)
	if err != nil {
		return nil, fmt.Errorf("parse kwok's stages: %w", err)
	}
	failing, err := Parse(failingPods)
	if err != nil {
		return nil, fmt.Errorf("parse the stage for failing pods: %w", err)
	}
	var config bytes.Buffer
	for _, object := range objects {
		if object.GetName() == "pod-ready" {
			if err := exceptFailing(object); err != nil {
				return nil, err
			}
		}
	}
	for _, object := range append(objects, failing...) {
		document, err := yaml.Marshal(object.Object)
		if err != nil {
			return nil, err
		}
		config.WriteString("---\n")
		config.Write(document)
	}
	return config.Bytes(), nil
}

// exceptFailing makes the stage pass over pods with the annotation.
func exceptFailing(stage *unstructured.Unstructured) error {
	path := []string{"spec", "selector", "matchExpressions"}
	expressions, _, err := unstructured.NestedSlice(stage.Object, path...)
	if err != nil {
		return fmt.Errorf("stage %s: %w", stage.GetName(), err)
	}
	expressions = append(expressions, map[string]any{
		"key":      fmt.Sprintf(".metadata.annotations[%q]", FailAnnotation),
		"operator": "DoesNotExist",
	})
	return unstructured.SetNestedSlice(stage.Object, expressions, path...)
}
