package workload

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

const referring = `
apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop, labels: {team: shop}}
spec:
  selector: {app: orders}
  ports: [{name: web, port: 80}, {name: api, port: 81}, {name: peer, port: 82}, {name: free, port: 83}]
---
apiVersion: v1
kind: Service
metadata: {name: manual, namespace: shop}
spec:
  ports: [{name: web, port: 80}, {name: free, port: 81}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: by-rule, namespace: shop}
spec:
  rules:
  - host: no-paths.example.com
  - http:
      paths:
      - {path: /, backend: {resource: {kind: Bucket, name: b}}}
      - {path: /o, backend: {service: {name: orders, port: {name: web}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: by-default, namespace: shop}
spec: {defaultBackend: {service: {name: orders, port: {name: web}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: other-service, namespace: shop}
spec: {defaultBackend: {service: {name: payments, port: {name: free}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: other-namespace, namespace: else}
spec: {defaultBackend: {service: {name: orders, port: {name: free}}}}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: everywhere, namespace: monitoring}
spec:
  namespaceSelector: {any: true}
  selector: {matchExpressions: [{key: team, operator: In, values: [shop]}]}
  endpoints: [{port: api}, {port: api, path: /more}]
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: own-namespace-only, namespace: monitoring}
spec:
  selector: {matchLabels: {team: shop}}
  endpoints: [{port: free}]
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: no-valid-one, namespace: shop}
spec: {endpoints: free}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: client, namespace: shop}
spec:
  template:
    spec:
      containers:
      - {name: client, args: ["--join=dns+_peer._tcp.orders", "--join=_free._tcp.orders.else.svc"]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: client, namespace: far}
spec:
  template:
    spec:
      containers:
      - {name: client, env: [{name: PEERS, value: "_peer._tcp.orders.shop.svc.cluster.local,_free._tcp.orders"}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: manual-1, namespace: shop, labels: {kubernetes.io/service-name: manual}}
addressType: IPv4
ports: [{name: web, port: 80}]
endpoints: []
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: orders-1, namespace: shop, labels: {kubernetes.io/service-name: orders}}
addressType: IPv4
ports: [{name: free, port: 80}]
endpoints: []
`

func TestPortNameReferences(t *testing.T) {
	s := meshtest.Snapshot(t, referring)
	for _, test := range []struct {
		service, port string
		want          []string
	}{
		{"orders", "web", []string{
			"Ingress shop/by-default leads to the port by its name", "Ingress shop/by-rule leads to the port by its name",
		}},
		{"orders", "api", []string{"ServiceMonitor monitoring/everywhere scrapes the port by its name"}},
		{"orders", "peer", []string{"StatefulSet shop/client looks up its SRV record", "Deployment far/client looks up its SRV record"}},
		{"orders", "free", nil},
		{"orders", "", nil},
		{"manual", "web", []string{"EndpointSlice shop/manual-1 names the port so"}},
		{"manual", "free", nil},
	} {
		service, _ := s.Services().Get("shop", test.service)
		assert.Equal(t, test.want, portNameReferences(s, service, test.port), "%s of %s", test.port, test.service)
	}
}

// What cannot be seen may refer to the port: a name is free only where all that could refer to it is known.
func TestPortNameReferencesUnseen(t *testing.T) {
	s := mesh.New(meshtest.ObjectsIn(t, referring), mesh.Options{Gaps: []mesh.Gap{{Kind: mesh.KindIngress, Reason: "you may not list ingresses"}}})
	service, _ := s.Services().Get("shop", "orders")
	assert.Equal(t, []string{"an Ingress that cannot be seen may refer to it (you may not list ingresses)"}, portNameReferences(s, service, "free"))
	assert.Empty(t, portNameReferences(s, service, ""))
}
