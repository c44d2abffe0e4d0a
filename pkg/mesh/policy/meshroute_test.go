package policy

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

func TestMeshRoutingFor(t *testing.T) {
	const orders = "orders.shop.svc.cluster.local"
	vs := func(name, age, hosts, match, more string) string {
		return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: %s, namespace: shop, creationTimestamp: "2026-01-0%sT00:00:00Z"}
spec: {hosts: [%s], http: [{match: [%s], route: [{destination: {host: orders}}]}]%s}
`, name, age, hosts, match, more)
	}
	sidecar := func(hosts string) string {
		return `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: web, namespace: web}
spec: {egress: [{hosts: [` + hosts + `]}]}
`
	}
	for name, test := range map[string]struct {
		objects []string
		want    string
	}{
		"none":                           {nil, "default"},
		"the older":                      {[]string{vs("a", "2", orders, "", ""), vs("b", "1", "orders", "", "")}, "b, not a"},
		"exported by name before public": {[]string{vs("a", "2", orders, "", ", exportTo: [web]"), vs("b", "1", orders, "", "")}, "a, not b"},
		"not exported":                   {[]string{vs("a", "1", orders, "", ", exportTo: [.]")}, "default"},
		"without routes for the callers": {[]string{vs("a", "1", orders, "{sourceLabels: {app: other}}", ""), vs("b", "2", orders, "", "")}, "b"},
		"for another port":               {[]string{vs("a", "1", orders, "{port: 80}", "")}, "default"},
		"for a gateway":                  {[]string{vs("a", "1", orders, "", ", gateways: [edge/public]")}, "default"},
		"the name before a wildcard":     {[]string{vs("a", "1", `"*.local"`, "", ""), vs("b", "2", orders, "", "")}, "b"},
		"the longer wildcard":            {[]string{vs("a", "1", `"*.local"`, "", ""), vs("b", "2", `"*.shop.svc.cluster.local"`, "", "")}, "b"},
		"a name in another case":         {[]string{vs("a", "1", `"*.local"`, "", ""), vs("b", "2", "Orders.shop.svc.cluster.local", "", "")}, "a, not b"},
		"a name that is no full one":     {[]string{vs("a", "1", "orders.shop", "", "")}, "default"},
		"not imported":                   {[]string{vs("a", "1", orders, "", ""), sidecar("./*")}, "unknown"},
		"imported":                       {[]string{vs("a", "1", orders, "", ""), sidecar("shop/*")}, "a"},
	} {
		s := meshtest.Snapshot(t, meshtest.Documents(append(test.objects, inboundPods, service("orders", "1", "{name: grpc, port: 8000}"))...))
		got := "default"
		routing := MeshRoutingFor(s, proxy.Client{Namespace: "web", Labels: map[string]string{"app": "web"}}, s.Services().All()[0], 8000)
		if !routing.Known {
			got = "unknown"
		}
		if routing.VirtualService != nil {
			got = routing.VirtualService.Name
		}
		for _, dropped := range routing.Dropped {
			got += ", not " + dropped.Name
		}
		assert.Equal(t, test.want, got, name)
	}
}
