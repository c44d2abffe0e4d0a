package main

import (
	"os"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// TestSizes counts what a size makes.
func TestSizes(t *testing.T) {
	for _, s := range []size{small, large} {
		count, pods := map[string]int{}, 0
		for _, text := range append(s.namespaceObjects(), s.objects()...) {
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
				t.Fatalf("%v:\n%s", err, text)
			}
			count[object.GetKind()]++
			replicas, _, _ := unstructured.NestedFloat64(object.Object, "spec", "replicas")
			pods += int(replicas)
		}
		got := size{count["Namespace"], count["Service"], pods, count["VirtualService"], count["Gateway"]}
		if got != s {
			t.Errorf("made %v, not %v", got, s)
		}
	}
}

func TestRepositoryHasTenThousandObjects(t *testing.T) {
	folder := t.TempDir()
	count, err := writeFiles(folder, repository)
	if err != nil || count != 10_000 {
		t.Fatalf("%d objects, %v", count, err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 100 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
}
