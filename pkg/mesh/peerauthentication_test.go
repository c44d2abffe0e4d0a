package mesh

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
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
			mode, from := snapshot(t, test.policies).PeerAuthenticationFor("shop", map[string]string{"app": "orders"}, 50051)
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
		"automatic":                      {"", true, true},
		"automatic switched off":         {meshConfigText("enableAutoMtls: false"), false, true},
		"the namespace takes plaintext":  {peerText("shop", "a", "01", "mtls: {mode: DISABLE}"), false, true},
		"the port takes plaintext":       {peerText("shop", "a", "01", "selector: {matchLabels: {app: orders}}, portLevelMtls: {50051: {mode: DISABLE}}"), false, true},
		"by rule":                        {ruleText("shop", "a", "orders", "01", ", trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}"), true, true},
		"switched off by rule":           {ruleText("shop", "a", "orders", "01", ", trafficPolicy: {tls: {mode: DISABLE}}"), false, true},
		"ordinary TLS":                   {ruleText("shop", "a", "orders", "01", ", trafficPolicy: {tls: {mode: SIMPLE}}"), false, true},
		"certificates of the user's own": {ruleText("shop", "a", "orders", "01", ", trafficPolicy: {tls: {mode: MUTUAL, clientCertificate: a, privateKey: b}}"), false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := snapshot(t, test.text)
			rule := s.DestinationRuleFor(Client{Namespace: "shop"}, "orders.shop.svc.cluster.local", "shop")
			sends, known := s.SendsMutualTLS(s.TrafficPolicyFor(rule, 8000, ""), "shop", labels, 50051)
			assert.Equal(t, test.sends, sends)
			assert.Equal(t, test.known, known)
		})
	}
}
