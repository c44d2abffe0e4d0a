package policy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

func TestCustomProviders(t *testing.T) {
	custom := func(namespace, name, provider, more string) string {
		return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ` + name + `, namespace: ` + namespace + more + `}
spec: {action: CUSTOM, provider: {name: ` + provider + `}, rules: [{}]}
`
	}
	provider := func(name, service string) string {
		return "{name: " + name + ", envoyExtAuthzGrpc: {service: " + service + ", port: 9000}}"
	}
	config := func(providers ...string) string {
		return strings.TrimSuffix(meshtest.MeshConfigText("extensionProviders: ["+strings.Join(providers, ", ")+"]"), "---\n")
	}
	const orders = "orders.shop.svc.cluster.local"
	for name, test := range map[string]struct {
		objects []string
		want    string
	}{
		"none":                  {nil, ""},
		"known":                 {[]string{config(provider("opa", orders)), custom("shop", "p", "opa", "")}, "opa: p"},
		"with its namespace":    {[]string{config(provider("opa", "shop/"+orders)), custom("shop", "p", "opa", "")}, "opa: p"},
		"no such provider":      {[]string{config(provider("opa", orders)), custom("shop", "p", "other", "")}, "other: p missing"},
		"of another purpose":    {[]string{config("{name: opa, prometheus: {}}"), custom("shop", "p", "opa", "")}, "opa: p missing"},
		"no such Service":       {[]string{config(provider("opa", "opa.shop.svc.cluster.local")), custom("shop", "p", "opa", "")}, "opa: p service"},
		"a short name":          {[]string{config(provider("opa", "orders")), custom("shop", "p", "opa", "")}, "opa: p service"},
		"twice":                 {[]string{config(provider("opa", orders), provider("opa", orders)), custom("shop", "p", "opa", "")}, "opa: p invalid"},
		"no DNS label":          {[]string{config(provider("OPA", orders)), custom("shop", "p", "OPA", "")}, "OPA: p invalid"},
		"two of them":           {[]string{config(provider("a", orders), provider("b", orders)), custom("shop", "p", "b", ""), custom("istio-system", "q", "a", "")}, "a: q several, b: p several"},
		"a dry run":             {[]string{config(provider("a", orders)), custom("shop", "p", "a", ", annotations: {istio.io/dry-run: 'true'}")}, "a:"},
		"of another namespace":  {[]string{config(provider("a", orders)), custom("web", "p", "a", "")}, ""},
		"of the root namespace": {[]string{config(provider("a", orders)), custom("istio-system", "p", "a", "")}, "a: p"},
	} {
		s := meshtest.Snapshot(t, meshtest.Documents(append(test.objects, service("orders", "1", "{name: grpc, port: 9000}"))...))
		var got []string
		for _, provider := range CustomProviders(s, "shop", map[string]string{"app": "orders"}) {
			text := provider.Name + ":"
			for _, policy := range provider.Policies {
				text += " " + policy.Name
			}
			got = append(got, strings.TrimSuffix(text+" "+string(provider.Fault), " "))
		}
		assert.Equal(t, test.want, strings.Join(got, ", "), name)
	}
}
