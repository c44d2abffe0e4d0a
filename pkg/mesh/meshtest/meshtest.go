package meshtest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Now is when the snapshots of tests are judged.
var Now = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

// Snapshot is the whole mesh that YAML documents describe, with nothing unknown.
func Snapshot(t testing.TB, text string) *mesh.Snapshot {
	t.Helper()
	return mesh.New(ObjectsIn(t, text), mesh.Options{Now: Now})
}

// ObjectsIn reads YAML documents; a kind that the model does not know is an error of the test.
func ObjectsIn(t testing.TB, text string) []mesh.Sourced {
	t.Helper()
	var objects []mesh.Sourced
	for document := range strings.SplitSeq("\n"+text, "\n---\n") {
		converted, err := yaml.YAMLToJSON([]byte(document))
		require.NoError(t, err)
		if string(converted) == "null" {
			continue
		}
		object, known, err := mesh.Decode(converted)
		require.NoError(t, err)
		require.True(t, known, "the model does not know this kind:\n%s", document)
		objects = append(objects, mesh.Sourced{Object: object})
	}
	return objects
}

// MeshConfigText is a ConfigMap with the mesh config.
func MeshConfigText(mesh string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |\n    " + mesh + "\n---\n"
}

// Deployment is a Deployment of namespace edge, for a document of its own.
func Deployment(name, template string) string {
	return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ` + name + `, namespace: edge}
spec:
  selector: {matchLabels: {app: ` + name + `}}
  template: ` + template
}

// Ingress is a gateway with a Service in front: 80 leads to 8080, 443 to 8443, and 8000 to the container port named grpc.
const Ingress = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingress, namespace: edge}
spec:
  selector: {matchLabels: {istio: ingress}}
  template:
    metadata: {labels: {istio: ingress, team: edge}}
    spec:
      containers:
      - name: istio-proxy
        args: [proxy, router, --domain, edge.svc.cluster.local]
        env: [{name: ISTIO_META_UNPRIVILEGED_POD, value: "true"}]
        ports: [{name: grpc, containerPort: 8000}]
---
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: edge, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  type: LoadBalancer
  selector: {istio: ingress}
  ports:
  - {name: http2, port: 80, targetPort: 8080, nodePort: 31380}
  - {name: https, port: 443, targetPort: 8443}
  - {name: grpc, port: 8000, targetPort: grpc}
  - {name: http3, port: 9443, targetPort: 9443, protocol: UDP}
`

// Documents joins YAML documents.
func Documents(parts ...string) string { return strings.Join(parts, "\n---\n") }
