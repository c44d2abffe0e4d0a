package host

import (
	"testing"

	"github.com/stretchr/testify/assert"
	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

func TestDestinationPort(t *testing.T) {
	s := meshtest.Snapshot(t, `apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec: {selector: {app: orders}, ports: [{name: grpc, port: 8000}]}
---
apiVersion: v1
kind: Service
metadata: {name: many, namespace: shop}
spec: {selector: {app: orders}, ports: [{name: grpc, port: 8000}, {name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: alias, namespace: shop}
spec: {type: ExternalName, externalName: orders.shop.svc.cluster.local, ports: [{name: grpc, port: 9000}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: old, namespace: edge, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {hosts: [out.example.net], ports: [{name: grpc, number: 443, protocol: GRPC}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: own, namespace: shop, creationTimestamp: "2026-01-02T00:00:00Z"}
spec: {hosts: [out.example.net], ports: [{name: grpc, number: 8443, protocol: GRPC}]}
---
`)
	for name, test := range map[string]struct {
		host, namespace string
		port            uint32
		want            int32
	}{
		"the one that is named":                     {"orders", "shop", 50051, 50051},
		"the only one of the Service":               {"orders", "shop", 0, 8000},
		"none of several":                           {"many", "shop", 0, 0},
		"that of the ExternalName Service itself":   {"alias", "shop", 0, 9000},
		"that of the route's own ServiceEntry":      {"out.example.net", "shop", 0, 8443},
		"that of the oldest ServiceEntry elsewhere": {"out.example.net", "back", 0, 443},
		"none of a host that nobody has":            {"absent", "shop", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			spec := &networkingapi.Destination{Host: test.host}
			if test.port != 0 {
				spec.Port = &networkingapi.PortSelector{Number: test.port}
			}
			assert.Equal(t, test.want, ResolveDestination(s, spec, test.namespace).Port)
		})
	}
}
