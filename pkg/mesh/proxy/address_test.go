package proxy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest/onlygateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

func TestAddresses(t *testing.T) {
	service := func(name, spec, ingress string) string {
		return `{apiVersion: v1, kind: Service, metadata: {name: ` + name + `, namespace: edge},
  spec: {selector: {istio: ingress}, ports: [{port: 80}]` + spec + `}, status: {loadBalancer: {ingress: [` + ingress + `]}}}`
	}
	for name, test := range map[string]struct {
		services string
		want     []string
	}{
		"none":             {service("a", "", ""), nil},
		"addresses, names": {service("a", "", "{ip: 203.0.113.1}, {hostname: lb.example.com}"), []string{"203.0.113.1", "lb.example.com"}},
		"external IPs":     {service("a", ", externalIPs: [203.0.113.9]", "{ip: 203.0.113.1}"), []string{"203.0.113.1", "203.0.113.9"}},
		"several Services": {
			meshtest.Documents(service("b", "", "{ip: 203.0.113.2}"), service("a", "", "{ip: 203.0.113.1}, {ip: 203.0.113.2}")),
			[]string{"203.0.113.1", "203.0.113.2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := meshtest.Snapshot(t, meshtest.Documents(meshtest.Ingress, test.services))
			assert.Equal(t, test.want, proxy.Addresses(onlygateway.OnlyGateway(t, s)))
		})
	}
}
