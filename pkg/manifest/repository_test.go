package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// writeRepository writes a tree like a large public repository, of about so many bytes: resource definitions, dashboards, descriptions
// of APIs, values and templates of charts, and manifests, which are an eighth of it.
func writeRepository(t testing.TB, size int) (root string) {
	t.Helper()
	root = t.TempDir()
	written := 0
	write := func(path, text string) {
		path = filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		written += len(text)
	}
	definition := "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: things.example.com\nspec:\n  versions:\n  - name: v1\n    schema:\n" +
		strings.Repeat("          properties:\n            containers:\n              description: 'What the apiVersion and kind of a template: say'\n              type: string\n", 3000)
	dashboard := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: dashboard\ndata:\n  dashboard.json: |\n" +
		strings.Repeat("    {\"expr\": \"sum(rate(http_requests_total{job=~\\\"$job\\\"}[5m]))\", \"legendFormat\": \"{{code}}\"},\n", 2000)
	api := "openapi: 3.0.0\npaths:\n" + strings.Repeat("  /things:\n    get:\n      description: apiVersion and kind of a thing\n      responses: {'200': {description: ok}}\n", 2000)
	values := strings.Repeat("image:\n  repository: example.com/thing\n  tag: v1\n", 3000)
	for number := 0; written < size; number++ {
		write(fmt.Sprintf("crds/%d.yaml", number), definition)
		write(fmt.Sprintf("dashboards/%d.yaml", number), dashboard)
		write(fmt.Sprintf("api/%d.yaml", number), api)
		write(fmt.Sprintf("charts/%d/Chart.yaml", number), "apiVersion: v2\nname: thing\n")
		write(fmt.Sprintf("charts/%d/values.yaml", number), values)
		write(fmt.Sprintf("charts/%d/templates/thing.yaml", number), "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Release.Name }}\n")
		var manifests strings.Builder
		for object := range 100 {
			manifests.WriteString(strings.ReplaceAll(manifestsOfOne, "NAME", fmt.Sprintf("thing-%d-%d", number, object)))
		}
		write(fmt.Sprintf("apps/%d.yaml", number), manifests.String())
	}
	return root
}

const manifestsOfOne = `---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
  namespace: shop
  labels: {app.kubernetes.io/name: NAME}
spec:
  replicas: 2
  selector: {matchLabels: {app: NAME}}
  template:
    metadata:
      labels: {app: NAME}
    spec:
      containers:
      - name: server
        image: example.com/NAME:v1
        ports:
        - {name: grpc, containerPort: 50051}
        resources:
          limits: {cpu: 500m, memory: 1Gi}
---
apiVersion: v1
kind: Service
metadata:
  name: NAME
  namespace: shop
spec:
  selector: {app: NAME}
  ports:
  - name: grpc
    port: 8000
    targetPort: 50051
`

// TestLoadRepository: of a large repository what is to be read is read, and the rest passed over.
func TestLoadRepository(t *testing.T) {
	root := writeRepository(t, 3<<20)
	manifests, err := Load(Sources{Files: []string{root}, Recursive: true}, "default")
	require.NoError(t, err)
	charts, err := os.ReadDir(filepath.Join(root, "charts"))
	require.NoError(t, err)
	require.Len(t, manifests.Objects, 200*len(charts))
	require.Equal(t, 2*len(charts), manifests.Others)
	require.Len(t, manifests.Unreadable, len(charts))
	require.Empty(t, manifests.Notes)
}

func BenchmarkLoadRepository(b *testing.B) {
	root := writeRepository(b, 135<<20)
	b.ResetTimer()
	for b.Loop() {
		_, err := Load(Sources{Files: []string{root}, Recursive: true}, "default")
		require.NoError(b, err)
	}
}
