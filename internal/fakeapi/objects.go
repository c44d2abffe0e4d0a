package fakeapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// created is when objects were made that do not say when.
const created = "2024-01-01T00:00:00Z"

// Objects reads YAML documents, and makes stored objects of them: with a UID, a version, and an owner of their fields.
func Objects(text string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewBufferString(text))); ; {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := yaml.YAMLToJSON(document)
		if err != nil {
			return nil, err
		}
		if string(data) == "null" {
			continue
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(data); err != nil {
			return nil, err
		}
		if err := valid(object); err != nil {
			return nil, fmt.Errorf("%s %s/%s: %w", object.GetKind(), object.GetNamespace(), object.GetName(), err)
		}
		objects = append(objects, Stored(object))
	}
}

// valid refuses what no API server would have stored: metadata and built-in kinds of the wrong types. A custom resource may
// hold anything, for its schema may be another one.
func valid(object *unstructured.Unstructured) error {
	data, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &metav1.PartialObjectMetadata{}); err != nil {
		return err
	}
	if group := object.GroupVersionKind().Group; strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io") || group == "gateway.networking.k8s.io" {
		return nil
	}
	_, _, err = mesh.Decode(data)
	return err
}

// Stored gives an object what an API server would have given it. The UID follows from the kind and the name.
func Stored(object *unstructured.Unstructured) *unstructured.Unstructured {
	if len(object.GetManagedFields()) == 0 {
		object = ownedFrom(nil, object, "kubectl-create")
	}
	setUnless(object, created, "metadata", "creationTimestamp")
	setUnless(object, uidOf(object), "metadata", "uid")
	setUnless(object, int64(1), "metadata", "generation")
	setUnless(object, "1", "metadata", "resourceVersion")
	return object
}

func uidOf(object *unstructured.Unstructured) string {
	hash := fnv.New64a()
	fmt.Fprintln(hash, object.GroupVersionKind().GroupKind(), object.GetNamespace(), object.GetName())
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", hash.Sum64()&(1<<48-1))
}

func setUnless(object *unstructured.Unstructured, value any, field ...string) {
	if _, has, err := unstructured.NestedFieldNoCopy(object.Object, field...); err == nil && !has {
		_ = unstructured.SetNestedField(object.Object, value, field...)
	}
}
