package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

// inboundPods are the pods that the Services of the tests select.
const inboundPods = `apiVersion: apps/v1
kind: Deployment
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec: {containers: [{name: server, ports: [{name: api, containerPort: 50051}]}]}
`

// service is one of namespace shop that selects the pods of the tests; ports are in YAML's flow style.
func service(name, age, ports string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %s, namespace: shop, creationTimestamp: "2026-01-0%sT00:00:00Z"}
spec: {selector: {app: orders}, ports: [%s]}
`, name, age, ports)
}

func TestInboundPorts(t *testing.T) {
	const (
		web  = "{name: http, port: 80, targetPort: api}"
		grpc = "{name: grpc, port: 8000, targetPort: 50051}"
	)
	ingress := func(listeners string) string {
		return `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: orders, namespace: shop}
spec: {ingress: [` + listeners + `]}
`
	}
	entry := `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: pods, namespace: shop, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  hosts: [pods.example.net]
  workloadSelector: {labels: {app: orders}}
  ports: [{name: p, number: 443, targetPort: 50051, protocol: TCP}, {name: q, number: 7000, protocol: GRPC}]
`
	rule := `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec: {host: orders, trafficPolicy: {connectionPool: {http: {%s}}}}
`
	for name, test := range map[string]struct {
		objects []string
		want    string
	}{
		"by the order of the ports":     {[]string{service("orders", "1", web+", "+grpc)}, "50051 HTTP orders HTTP/1.1"},
		"the first is gRPC":             {[]string{service("orders", "1", grpc+", "+web)}, "50051 GRPC orders HTTP/2"},
		"the older Service":             {[]string{service("orders", "2", grpc), service("web", "1", web)}, "50051 HTTP web HTTP/1.1"},
		"of one age by name":            {[]string{service("orders", "1", web), service("api", "1", grpc)}, "50051 GRPC api HTTP/2"},
		"no protocol":                   {[]string{service("orders", "1", "{port: 8000, targetPort: 50051}")}, "50051 UNSUPPORTED orders HTTP/2"},
		"the proxy's own port":          {[]string{service("orders", "1", "{name: grpc, port: 15021}, {name: tcp, port: 15006}")}, ""},
		"a name that no container has":  {[]string{service("orders", "1", "{name: grpc, port: 80, targetPort: absent}")}, ""},
		"a ServiceEntry is older":       {[]string{service("orders", "2", grpc), entry}, "7000 GRPC pods HTTP/2, 50051 TCP pods HTTP/2"},
		"an ingress listener":           {[]string{service("orders", "1", grpc), ingress("{port: {number: 50051, protocol: HTTP, name: a}}")}, "50051 HTTP  HTTP/1.1"},
		"ingress listeners are all":     {[]string{service("orders", "1", grpc), ingress("{port: {number: 7000, protocol: TCP, name: a}}")}, "7000 TCP  HTTP/2"},
		"useClientProtocol":             {[]string{service("orders", "1", web), fmt.Sprintf(rule, "useClientProtocol: true")}, "50051 HTTP orders HTTP/2"},
		"h2UpgradePolicy is for others": {[]string{service("orders", "1", web), fmt.Sprintf(rule, "h2UpgradePolicy: UPGRADE")}, "50051 HTTP orders HTTP/1.1"},
	} {
		s := meshtest.Snapshot(t, meshtest.Documents(append(test.objects, inboundPods)...))
		template := &s.Deployments().All()[0].Spec.Template
		var got []string
		for _, port := range InboundPorts(s, "shop", template) {
			from := ""
			if port.Service != nil {
				from = port.Service.Name
			} else if port.Entry != nil {
				from = port.Entry.Name
			}
			leaves := "HTTP/1.1"
			if port.KeepsHTTP2(s, "shop", template) {
				leaves = "HTTP/2"
			}
			got = append(got, fmt.Sprintf("%d %s %s %s", port.Port, port.Protocol, from, leaves))
		}
		assert.Equal(t, test.want, strings.Join(got, ", "), name)
	}
}
