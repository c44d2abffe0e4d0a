package lint

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// TestRemedies: the fix is for the condition that the gateway's calls do not meet.
func TestRemedies(t *testing.T) {
	const (
		admits     = "Let the gateway in: an ALLOW rule whose source has namespaces: [istio-system], or the principal of its service account."
		account    = "istio-ingressgateway-service-account"
		principal  = "cluster.local/ns/istio-system/sa/" + account
		ruleOff    = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: orders, namespace: shop}\nspec: {host: orders, trafficPolicy: {tls: {mode: DISABLE}}}\n"
		serversOff = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: orders, namespace: shop}\nspec: {mtls: {mode: DISABLE}}\n"
		offByRule  = "Turn mutual TLS on for these calls: take tls out of DestinationRule shop/orders."
		offByBoth  = "Turn mutual TLS on for these calls: take tls out of DestinationRule shop/orders, and let PeerAuthentication shop/orders say PERMISSIVE or STRICT for port 50051 instead of DISABLE."
	)
	tests := []struct{ spec, others, want string }{
		{"rules: [{from: [{source: {namespaces: [web]}}]}]", "", admits},
		{"rules: [{from: [{source: {namespaces: [web]}}], to: [{operation: {methods: [GET]}}]}]", "", admits},
		{"rules: [{to: [{operation: {methods: [GET]}}]}]", "", "Add POST to methods, or leave methods out."},
		{"rules: [{to: [{operation: {notMethods: [POST], ports: ['8000']}}]}]", "", "Write 50051 for 8000 in ports. Take POST out of notMethods."},
		{"rules: [{to: [{operation: {ports: ['9090']}}]}]", "", admits},
		{"rules: [{to: [{operation: {notPorts: ['50051']}}]}]", "", "Take 50051 out of to[0].operation.notPorts."},
		{"rules: [{to: [{operation: {paths: [/healthz]}}]}]", "", "Put /package.Service/Method into paths, or /package.Service/* for all methods of a service."},
		{"rules: [{from: [{source: {principals: ['spiffe://" + principal + "']}}]}]", "", "Write the principal as " + principal + "."},
		{"rules: [{from: [{source: {principals: [old.example.com/ns/istio-system/sa/" + account + "]}}]}]", "", "Write the principal as " + principal + "."},
		{"rules: [{from: [{source: {serviceAccounts: [" + account + "]}}]}]", "", "Write the service account as istio-system/" + account + "."},
		{"rules: [{from: [{source: {trustDomains: [old.example.com]}}]}]", "", "Write the trust domain as cluster.local."},
		{"rules: [{from: [{source: {notNamespaces: [istio-system]}}]}]", "", "Take the gateway out of from[0].source.notNamespaces."},
		{"rules: [{from: [{source: {ipBlocks: [203.0.113.0/24]}}]}]", "", "Name the gateway by its namespace (namespaces: [istio-system]) rather than by addresses, which change."},
		{"rules: [{from: [{source: {namespaces: [istio-system]}}]}]", ruleOff, offByRule},
		{"rules: [{from: [{source: {namespaces: [istio-system]}}]}]", ruleOff + serversOff, offByBoth},
		{"rules: [{from: [{source: {namespaces: [web]}}]}]", ruleOff, offByRule + " Then let the gateway in by its identity: l" + admits[1:]},
		{"action: DENY, rules: [{from: [{source: {notNamespaces: [istio-system]}}]}]", ruleOff, offByRule},
		{
			"action: DENY, rules: [{to: [{operation: {methods: [POST]}}]}]", "",
			"Except the gateway from the DENY rule: add its namespace to notNamespaces, or its principal to notPrincipals.",
		},
	}
	for _, test := range tests {
		t.Run(test.spec, func(t *testing.T) {
			policy := "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: shop}\nspec: {" + test.spec + "}\n"
			objects := casetest.Decode(t, "remedy", []byte(example.ShopServer+example.ShopRoute+policy+test.others))
			snapshot := mesh.New(append(objects, casetest.Base(t, "default")...), mesh.Options{Now: casetest.Now})
			findings := Run(snapshot, Options{Checks: selected(t, "GX701")}).Findings
			require.Len(t, findings, 1)
			assert.Equal(t, test.want, findings[0].Fix.Text)
		})
	}
}
