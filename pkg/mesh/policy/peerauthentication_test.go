package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

func peerText(namespace, name, day, spec string) string {
	return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: %s, namespace: %s, creationTimestamp: "2026-01-%sT00:00:00Z"}
spec: {%s}
---
`, name, namespace, day, spec)
}

func TestPeerAuthenticationFor(t *testing.T) {
	const selector = "selector: {matchLabels: {app: orders}}"
	tests := map[string]struct {
		policies string
		mode     string
		from     string
	}{
		"none":                               {"", "PERMISSIVE", ""},
		"mesh":                               {peerText("istio-system", "default", "01", "mtls: {mode: STRICT}"), "STRICT", "default"},
		"namespace over mesh":                {peerText("istio-system", "default", "01", "mtls: {mode: STRICT}") + peerText("shop", "a", "02", "mtls: {mode: DISABLE}"), "DISABLE", "a"},
		"unset leaves it":                    {peerText("istio-system", "default", "01", "mtls: {mode: STRICT}") + peerText("shop", "a", "02", "mtls: {mode: UNSET}"), "STRICT", "default"},
		"empty leaves it":                    {peerText("istio-system", "default", "01", "mtls: {mode: STRICT}") + peerText("shop", "a", "02", ""), "STRICT", "default"},
		"workload over namespace":            {peerText("shop", "a", "01", "mtls: {mode: STRICT}") + peerText("shop", "b", "02", selector+", mtls: {mode: PERMISSIVE}"), "PERMISSIVE", "b"},
		"other workload":                     {peerText("shop", "a", "01", "mtls: {mode: STRICT}") + peerText("shop", "b", "02", "selector: {matchLabels: {app: carts}}, mtls: {mode: PERMISSIVE}"), "STRICT", "a"},
		"port over workload":                 {peerText("shop", "a", "01", selector+", mtls: {mode: STRICT}, portLevelMtls: {50051: {mode: DISABLE}}"), "DISABLE", "a"},
		"port unset":                         {peerText("shop", "a", "01", selector+", mtls: {mode: STRICT}, portLevelMtls: {50051: {mode: UNSET}}"), "STRICT", "a"},
		"other port":                         {peerText("shop", "a", "01", selector+", mtls: {mode: STRICT}, portLevelMtls: {8000: {mode: DISABLE}}"), "STRICT", "a"},
		"ports need a selector":              {peerText("shop", "a", "01", "mtls: {mode: STRICT}, portLevelMtls: {50051: {mode: DISABLE}}"), "STRICT", "a"},
		"the oldest of a scope":              {peerText("shop", "a", "02", "mtls: {mode: STRICT}") + peerText("shop", "b", "01", "mtls: {mode: DISABLE}"), "DISABLE", "b"},
		"no selectors in the root namespace": {peerText("istio-system", "a", "01", selector+", mtls: {mode: STRICT}"), "PERMISSIVE", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			mode, from := PeerAuthenticationFor(meshtest.Snapshot(t, test.policies), "shop", map[string]string{"app": "orders"}, 50051)
			assert.Equal(t, test.mode, mode)
			if test.from == "" {
				assert.Nil(t, from)
			} else if assert.NotNil(t, from) {
				assert.Equal(t, test.from, from.Name)
			}
		})
	}
}

func TestSendsMutualTLS(t *testing.T) {
	labels := map[string]string{"app": "orders"}
	tests := map[string]struct {
		text         string
		sends, known bool
	}{
		"automatic":                     {"", true, true},
		"automatic switched off":        {meshtest.MeshConfigText("enableAutoMtls: false"), false, true},
		"the namespace takes plaintext": {peerText("shop", "a", "01", "mtls: {mode: DISABLE}"), false, true},
		"the port takes plaintext":      {peerText("shop", "a", "01", "selector: {matchLabels: {app: orders}}, portLevelMtls: {50051: {mode: DISABLE}}"), false, true},
		"the pods' own addresses": {
			"apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop, labels: {app: orders, security.istio.io/tlsMode: istio}}\n---\n" +
				peerText("shop", "a", "01", "selector: {matchLabels: {app: orders}}, portLevelMtls: {50051: {mode: DISABLE}}") +
				ruleText("shop", "a", "orders", "01", ", trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}"), true, true,
		},
		"by rule":                        {ruleText("shop", "a", "orders", "01", ", trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}"), true, true},
		"switched off by rule":           {ruleText("shop", "a", "orders", "01", ", trafficPolicy: {tls: {mode: DISABLE}}"), false, true},
		"ordinary TLS":                   {ruleText("shop", "a", "orders", "01", ", trafficPolicy: {tls: {mode: SIMPLE}}"), false, true},
		"certificates of the user's own": {ruleText("shop", "a", "orders", "01", ", trafficPolicy: {tls: {mode: MUTUAL, clientCertificate: a, privateKey: b}}"), false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := meshtest.Snapshot(t, test.text)
			rule := DestinationRuleFor(s, proxy.Client{Namespace: "shop"}, "orders.shop.svc.cluster.local", "shop")
			sends, known := SendsMutualTLS(s, TrafficPolicyFor(s, rule, 8000, ""), ordersService(t, s), labels, 50051)
			assert.Equal(t, test.sends, sends)
			assert.Equal(t, test.known, known)
		})
	}
}

func TestInfersMutualTLSForPodsAsAWhole(t *testing.T) {
	const headless = `apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec: {clusterIP: None, selector: {app: orders}, ports: [{name: grpc, port: 8000}]}
---
`
	pod := func(name, more string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: shop, labels: {app: orders%s}}\n---\n", name, more)
	}
	const takes = ", security.istio.io/tlsMode: istio"
	named := strings.Replace(headless, "port: 8000", "port: 8000, targetPort: grpc", 1)
	whole := func(portName string) string {
		return strings.Replace(pod("a", takes), "\n---", "\nspec: {containers: [{name: orders, ports: [{name: "+portName+", containerPort: 50051}]}]}\n---", 1)
	}
	for name, test := range map[string]struct {
		text          string
		infers, known bool
	}{
		"all take it":      {headless + pod("a", takes) + pod("b", takes), true, true},
		"one takes none":   {headless + pod("a", takes) + pod("b", ""), false, true},
		"no pods":          {headless, false, false},
		"named target":     {named + whole("grpc"), true, true},
		"no such target":   {named + whole("http"), false, true},
		"through the rule": {pod("a", "") + ruleText("shop", "a", "orders", "01", ", trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}"), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := meshtest.Snapshot(t, test.text)
			rule := DestinationRuleFor(s, proxy.Client{Namespace: "shop"}, "orders.shop.svc.cluster.local", "shop")
			infers, known := InfersMutualTLS(s, ordersService(t, s), &ordersService(t, s).Spec.Ports[0], TrafficPolicyFor(s, rule, 8000, ""))
			assert.Equal(t, test.infers, infers)
			assert.Equal(t, test.known, known)
		})
	}
}

// ordersService is the Service of the snapshot, or one with a cluster IP.
func ordersService(t *testing.T, s *mesh.Snapshot) *core.Service {
	t.Helper()
	if service, ok := s.Services().Get("shop", "orders"); ok {
		return service
	}
	service := &core.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}}
	service.Spec.ClusterIP, service.Spec.Selector = "10.96.0.1", map[string]string{"app": "orders"}
	service.Spec.Ports = []core.ServicePort{{Name: "grpc", Port: 8000}}
	return service
}
