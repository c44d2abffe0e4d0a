package manifest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

const partOfAMesh = `apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {LABELS}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec: {containers: [{name: orders, image: x, ports: [{name: grpc, containerPort: 50051}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec: {selector: {app: orders}, ports: [{name: grpc, port: 8000, targetPort: 50051}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, servers: [{hosts: ["*.example.com"], port: {number: 80, name: grpc, protocol: GRPC}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec:
  hosts: [HOST]
  gateways: [GATEWAY]
  http: [{route: [{destination: {host: orders, port: {number: 8000}}}]}]
`

// TestFilesThatArePart: files that hold the Namespace, or a Gateway of the name, are told what is wrong although they are a part of
// what there is; what may be elsewhere is left alone.
func TestFilesThatArePart(t *testing.T) {
	for name, test := range map[string]struct {
		labels, gateway, host string
		found                 []string
	}{
		"nothing wrong":              {"istio-injection: enabled", "istio-system/public", "a.example.com", nil},
		"no label":                   {"team: a", "istio-system/public", "a.example.com", []string{"GX102"}},
		"a typo":                     {"istio-injected: enabled", "istio-system/public", "a.example.com", []string{"GX102"}},
		"disabled":                   {"istio-injection: disabled", "istio-system/public", "a.example.com", []string{"GX102"}},
		"a revision":                 {"istio.io/rev: stable", "istio-system/public", "a.example.com", nil},
		"ambient":                    {"istio.io/dataplane-mode: ambient", "istio-system/public", "a.example.com", nil},
		"namespace left out":         {"istio-injection: enabled", "public", "a.example.com", []string{"GX501"}},
		"another namespace":          {"istio-injection: enabled", "edge/public", "a.example.com", []string{"GX501"}},
		"another gateway's hosts":    {"istio-injection: enabled", "edge/public", "a.example.org", nil},
		"no gateway of the name":     {"istio-injection: enabled", "edge/other", "a.example.com", nil},
		"own namespace, other names": {"istio-injection: enabled", "other", "a.example.com", nil},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.NewReplacer("LABELS", test.labels, "GATEWAY", test.gateway, "HOST", test.host).Replace(partOfAMesh)
			var found []string
			for _, finding := range lint.Run(load(t, text).Snapshot(false, mesh.Options{}), lint.Options{}).Findings {
				if finding.ID == "GX102" || finding.ID == "GX501" || finding.ID == "GX101" {
					found = append(found, finding.ID)
				}
			}
			assert.Equal(t, test.found, found)
		})
	}
}
