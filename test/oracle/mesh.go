package oracle

import (
	"fmt"
	"strings"
	"time"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Mesh is a set of objects, as they would stand in a cluster.
type Mesh struct {
	Seed    uint64
	Objects []mesh.Object
}

// Snapshot is the mesh as the model sees it, an hour after its first object was made: what is new is the youngest.
func (m *Mesh) Snapshot() *mesh.Snapshot {
	sourced := make([]mesh.Sourced, len(m.Objects))
	for i, object := range m.Objects {
		sourced[i].Object = object
	}
	return mesh.New(sourced, mesh.Options{Now: epoch.Add(time.Hour)})
}

// YAML is the mesh as a user would write it.
func (m *Mesh) YAML() string {
	var documents []string
	for _, object := range m.Objects {
		form, err := mesh.ToUnstructured(object)
		if err != nil {
			return fmt.Sprintf("%s has no JSON form: %v", mesh.KeyOf(object), err)
		}
		text, err := yaml.Marshal(form.Object)
		if err != nil {
			return fmt.Sprintf("%s has no YAML form: %v", mesh.KeyOf(object), err)
		}
		documents = append(documents, string(text))
	}
	return strings.Join(documents, "---\n")
}

// objectsOf are the mesh's objects of one type.
func objectsOf[T mesh.Object](m *Mesh) []T {
	var found []T
	for _, object := range m.Objects {
		if typed, ok := object.(T); ok {
			found = append(found, typed)
		}
	}
	return found
}

// gatewayPods are the pods that run a gateway's proxy.
func (m *Mesh) gatewayPods() []*core.Pod {
	var pods []*core.Pod
	for _, pod := range objectsOf[*core.Pod](m) {
		if len(pod.Spec.Containers) > 0 && pod.Spec.Containers[0].Name == proxyContainer {
			pods = append(pods, pod)
		}
	}
	return pods
}

func (m *Mesh) virtualServices() []*networking.VirtualService {
	return objectsOf[*networking.VirtualService](m)
}
