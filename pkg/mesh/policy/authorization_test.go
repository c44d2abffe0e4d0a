package policy

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

func TestMatches(t *testing.T) {
	gateway := Call{Port: 50051, MutualTLS: true, Namespace: "istio-system", ServiceAccount: "gateway", Addresses: []string{"10.244.0.20"}}
	anyone := Call{Port: 50051, AnyCaller: true}
	plaintext := Call{Port: 50051, Namespace: "istio-system", ServiceAccount: "gateway"}
	noAccount := Call{Port: 50051, MutualTLS: true, Namespace: "istio-system"}
	tcp := gateway
	tcp.TCP = true
	ztunnel := gateway
	ztunnel.Ztunnel = true
	from := func(source string) string { return "rules: [{from: [{source: {" + source + "}}]}]" }
	to := func(operation string) string { return "rules: [{to: [{operation: {" + operation + "}}]}]" }
	when := func(condition string) string { return "rules: [{when: [{" + condition + "}]}]" }
	tests := []struct {
		spec string
		call Call
		want Match
	}{
		{"", gateway, Never},
		{"rules: [{}]", gateway, Always},
		{from("principals: [cluster.local/ns/istio-system/sa/gateway]"), gateway, Always},
		{from("principals: [cluster.local/ns/istio-system/sa/other]"), gateway, Never},
		{from("principals: ['*/sa/gateway']"), gateway, Always},
		{from("principals: ['cluster.local/ns/istio-system/*']"), gateway, Always},
		{from("principals: ['*']"), gateway, Always},
		{from("principals: ['*']"), plaintext, Never},
		{from("principals: ['*']"), anyone, Sometimes},
		{from("principals: [cluster.local/ns/istio-system/sa/gateway]"), noAccount, Sometimes},
		{from("principals: [cluster.local/ns/shop/sa/gateway]"), noAccount, Never},
		{from("notPrincipals: [cluster.local/ns/istio-system/sa/gateway]"), gateway, Never},
		{from("notPrincipals: [cluster.local/ns/istio-system/sa/gateway]"), plaintext, Always},
		{from("namespaces: [istio-system]"), gateway, Always},
		{from("namespaces: ['istio-*']"), gateway, Always},
		{from("namespaces: [istio]"), gateway, Never},
		{from("notNamespaces: [shop]"), gateway, Always},
		{from("notNamespaces: [shop, istio-system]"), gateway, Never},
		{from("namespaces: [istio-system]"), plaintext, Never},
		{from("serviceAccounts: [gateway]"), gateway, Never},
		{from("serviceAccounts: [istio-system/gateway]"), gateway, Always},
		{from("serviceAccounts: [istio-system/gateway]"), noAccount, Sometimes},
		{from("ipBlocks: [10.244.0.0/16]"), gateway, Always},
		{from("ipBlocks: [10.244.0.20]"), gateway, Always},
		{from("ipBlocks: [192.0.2.0/24]"), gateway, Never},
		{from("ipBlocks: [192.0.2.0/24]"), plaintext, Sometimes},
		{from("remoteIpBlocks: [192.0.2.0/24]"), gateway, Sometimes},
		{from("requestPrincipals: ['*']"), gateway, Sometimes},
		{from("notRequestPrincipals: ['*']"), gateway, Sometimes},
		{to("hosts: ['*']"), gateway, Always},
		{from("requestPrincipals: [issuer/subject]"), gateway, Sometimes},
		{from("namespaces: [istio-system], ipBlocks: [192.0.2.0/24]"), gateway, Never},
		{"rules: [{from: [{source: {namespaces: [shop]}}, {source: {namespaces: [istio-system]}}]}]", gateway, Always},
		{to("ports: ['50051']"), gateway, Always},
		{to("ports: ['8000']"), gateway, Never},
		{to("notPorts: ['50051']"), gateway, Never},
		{to("methods: [POST]"), gateway, Always},
		{to("methods: [post]"), gateway, Never},
		{to("methods: [GET, 'P*']"), gateway, Always},
		{to("methods: [/shop.v1.Orders/Get]"), gateway, Never},
		{to("notMethods: [GET]"), gateway, Always},
		{to("paths: [/shop.v1.Orders/Get]"), gateway, Sometimes},
		{to("paths: ['/shop.v1.Orders/*']"), gateway, Sometimes},
		{to("paths: ['*/Get']"), gateway, Sometimes},
		{to("paths: ['/*']"), gateway, Always},
		{to("paths: [/healthz]"), gateway, Never},
		{to("paths: [/api/v1/orders]"), gateway, Never},
		{to("paths: ['/api/{*}']"), gateway, Sometimes},
		{to("notPaths: [/healthz]"), gateway, Always},
		{to("hosts: [orders.example.com]"), gateway, Sometimes},
		{"rules: [{to: [{operation: {ports: ['8000']}}, {operation: {paths: [/a.B/C]}}]}]", gateway, Sometimes},
		{when("key: source.namespace, values: [istio-system]"), gateway, Always},
		{when("key: source.principal, notValues: [cluster.local/ns/istio-system/sa/gateway]"), gateway, Never},
		{when("key: source.ip, values: [10.244.0.20]"), gateway, Always},
		{when("key: source.trustDomain, values: [cluster.local]"), gateway, Always},
		{when("key: destination.port, values: ['8000']"), gateway, Never},
		{when("key: 'request.headers[x]', values: [a]"), gateway, Sometimes},
		{when("key: connection.sni, values: [a]"), gateway, Sometimes},
		{"rules: [{from: [{source: {namespaces: [istio-system]}}], to: [{operation: {ports: ['8000']}}]}]", gateway, Never},
		// On a TCP port an ALLOW rule with HTTP fields is gone, a DENY rule is left without them.
		{to("paths: [/a.B/C]"), tcp, Never},
		{"action: DENY, " + to("paths: [/a.B/C]"), tcp, Always},
		{"action: DENY, " + to("paths: [/a.B/C], ports: ['8000']"), tcp, Never},
		{"action: DENY, " + when("key: 'request.auth.claims[a]', values: [b]"), tcp, Always},
		{from("namespaces: [istio-system]"), tcp, Always},
		// ztunnel knows the connection only: an ALLOW rule with more is gone, and an entry of a DENY rule with nothing else matches nothing.
		{from("namespaces: [istio-system]"), ztunnel, Always},
		{from("namespaces: [shop]"), ztunnel, Never},
		{from("namespaces: [istio-system], trustDomains: [other]"), ztunnel, Always},
		{from("trustDomains: [cluster.local]"), ztunnel, Never},
		{from("remoteIpBlocks: [192.0.2.0/24]"), ztunnel, Never},
		{to("paths: [/a.B/C], ports: ['50051']"), ztunnel, Never},
		{when("key: source.serviceAccount, values: [istio-system/gateway]"), ztunnel, Never},
		{when("key: destination.ip, values: [10.0.0.1]"), ztunnel, Sometimes},
		{"action: DENY, " + to("paths: [/a.B/C], ports: ['50051']"), ztunnel, Always},
		{"action: DENY, " + to("paths: [/a.B/C]"), ztunnel, Never},
		{"action: DENY, rules: [{}]", ztunnel, Always},
	}
	for _, test := range tests {
		t.Run(test.spec, func(t *testing.T) {
			s := meshtest.Snapshot(t, "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: shop}\nspec: {"+test.spec+"}\n")
			assert.Equal(t, test.want, Matches(s, s.AuthorizationPolicies().All()[0], test.call))
		})
	}
}

func TestTrustDomainOfTheMesh(t *testing.T) {
	s := meshtest.Snapshot(t, meshtest.MeshConfigText("trustDomain: example.org")+`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: a, namespace: shop}
spec: {rules: [{from: [{source: {principals: [example.org/ns/istio-system/sa/gateway]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: b, namespace: shop}
spec: {rules: [{from: [{source: {principals: [cluster.local/ns/istio-system/sa/gateway]}}]}]}
`)
	for _, policy := range s.AuthorizationPolicies().All() {
		assert.Equal(t, Always, Matches(s, policy, Call{MutualTLS: true, Namespace: "istio-system", ServiceAccount: "gateway"}), policy.Name)
	}
}

func TestUnmetConditions(t *testing.T) {
	call := Call{Port: 50051, MutualTLS: true, Namespace: "istio-system", ServiceAccount: "gateway"}
	ztunnel := call
	ztunnel.Ztunnel = true
	tests := []struct {
		rule string
		call Call
		want []RuleCondition
	}{
		{"to: [{operation: {methods: [GET], ports: ['50051']}}]", call, []RuleCondition{{"to[0].operation.methods", "methods", []string{"GET"}, false, false}}},
		{"to: [{operation: {notPorts: ['50051']}}]", call, []RuleCondition{{"to[0].operation.notPorts", "notPorts", []string{"50051"}, false, true}}},
		{
			"from: [{source: {namespaces: [a], principals: [b]}}, {source: {namespaces: [c]}}]", call,
			[]RuleCondition{{"from[1].source.namespaces", "namespaces", []string{"c"}, false, false}},
		},
		{"when: [{key: source.namespace, values: [a]}]", call, []RuleCondition{{"when[0].values", "source.namespace", []string{"a"}, false, false}}},
		{
			"from: [{source: {namespaces: [a]}}], to: [{operation: {paths: [/a.B/C]}}]", ztunnel,
			[]RuleCondition{{"to[0].operation.paths", "paths", []string{"/a.B/C"}, true, false}},
		},
		{"from: [{source: {namespaces: [istio-system]}}]", call, nil},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			s := meshtest.Snapshot(t, "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: shop}\nspec: {rules: [{"+test.rule+"}]}\n")
			policy := s.AuthorizationPolicies().All()[0]
			assert.Equal(t, test.want, UnmetConditions(s, policy, policy.Spec.GetRules()[0], test.call))
		})
	}
}

func TestAuthorizationPoliciesFor(t *testing.T) {
	s := meshtest.Snapshot(t, `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: root, namespace: istio-system}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mine, namespace: shop}
spec: {selector: {matchLabels: {app: orders}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: other, namespace: shop}
spec: {selector: {matchLabels: {app: carts}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: waypoint, namespace: shop}
spec: {targetRefs: [{kind: Service, name: orders}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: trial, namespace: shop, annotations: {istio.io/dry-run: "true"}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: elsewhere, namespace: web}
`)
	var names []string
	for _, policy := range AuthorizationPoliciesFor(s, "shop", map[string]string{"app": "orders"}) {
		names = append(names, policy.Name)
	}
	assert.Equal(t, []string{"root", "mine"}, names)
	assert.Len(t, AuthorizationPoliciesFor(s, "istio-system", nil), 1)
}
