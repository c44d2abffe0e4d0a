package policy

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// ruleText is a DestinationRule whose traffic policy has connectTimeout as a mark to know it by.
func ruleText(namespace, name, host, day, more string) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: %s, namespace: %s, creationTimestamp: "2026-01-%sT00:00:00Z"}
spec: {host: "%s"%s}
---
`, name, namespace, day, host, more)
}

const policyText = ", trafficPolicy: {loadBalancer: {simple: RANDOM}}"

func TestDestinationRuleFor(t *testing.T) {
	const host = "orders.shop.svc.cluster.local"
	gateway := proxy.Client{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}}
	edge := proxy.Client{Namespace: "edge"}
	tests := map[string]struct {
		rules  string
		client proxy.Client
		// merged are the rules that make the one found, as namespace/name; the first is its base.
		merged []string
		// policy is where the traffic policy comes from.
		policy string
	}{
		"none": {"", gateway, nil, ""},
		"the Service's namespace": {
			ruleText("shop", "a", "orders", "01", policyText), gateway, []string{"shop/a"}, "shop/a",
		},
		"the client's namespace before the Service's": {
			ruleText("shop", "a", "orders", "01", policyText) + ruleText("edge", "b", host, "02", policyText), edge, []string{"edge/b"}, "edge/b",
		},
		"a wildcard of the client's namespace before a name of the Service's": {
			ruleText("shop", "a", "orders", "01", policyText) + ruleText("edge", "b", "*.local", "02", policyText), edge, []string{"edge/b"}, "edge/b",
		},
		"the root namespace last, even for clients in it": {
			ruleText("istio-system", "all", "*.local", "01", policyText) + ruleText("shop", "a", "orders", "02", policyText), gateway,
			[]string{"shop/a"},
			"shop/a",
		},
		"the root namespace's private rule first for clients in it": {
			ruleText("istio-system", "all", "*.local", "01", policyText+`, exportTo: ["."]`) + ruleText("shop", "a", "orders", "02", policyText), gateway,
			[]string{"istio-system/all"},
			"istio-system/all",
		},
		"the root namespace for all": {
			ruleText("istio-system", "all", "*.local", "01", policyText), edge, []string{"istio-system/all"}, "istio-system/all",
		},
		"the longest wildcard": {
			ruleText("shop", "a", "*.local", "01", policyText) + ruleText("shop", "b", "*.shop.svc.cluster.local", "02", policyText), gateway,
			[]string{"shop/b"},
			"shop/b",
		},
		"not exported": {
			ruleText("shop", "a", "orders", "01", policyText+`, exportTo: ["."]`), gateway, nil, "",
		},
		"exported to the client by name": {
			ruleText("shop", "a", "orders", "01", policyText+`, exportTo: [istio-system]`), gateway, []string{"shop/a"}, "shop/a",
		},
		"another namespace": {
			ruleText("policies", "a", host, "01", policyText), gateway, nil, "",
		},
		"two are merged, the older's policy counts": {
			ruleText("shop", "b", "orders", "02", policyText) + ruleText("shop", "c", "orders", "01", policyText), gateway,
			[]string{"shop/c", "shop/b"},
			"shop/c",
		},
		"two are merged, the only policy counts": {
			ruleText("shop", "b", "orders", "02", policyText) + ruleText("shop", "c", "orders", "01", ""), gateway,
			[]string{"shop/c", "shop/b"},
			"shop/b",
		},
		"exports differ: not merged, the last counts": {
			ruleText("shop", "a", "orders", "01", policyText+`, exportTo: ["*"]`) + ruleText("shop", "b", "orders", "02", policyText+`, exportTo: [istio-system]`),
			gateway,
			[]string{"shop/b"},
			"shop/b",
		},
		"a selector that matches counts in its own namespace": {
			ruleText("istio-system", "a", host, "02", policyText+`, workloadSelector: {matchLabels: {istio: ingressgateway}}`) +
				ruleText("istio-system", "b", host, "01", policyText+`, exportTo: ["."]`), gateway, []string{"istio-system/a", "istio-system/b"}, "istio-system/a",
		},
		"a selector that does not match": {
			ruleText("edge", "a", host, "02", policyText+`, workloadSelector: {matchLabels: {app: other}}`) + ruleText("edge", "b", host, "01", policyText),
			edge,
			[]string{"edge/b"},
			"edge/b",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rule := DestinationRuleFor(meshtest.Snapshot(t, test.rules), test.client, host, "shop")
			if test.merged == nil {
				assert.Nil(t, rule)
				return
			}
			require.NotNil(t, rule)
			var merged []string
			for _, part := range rule.Rules {
				merged = append(merged, part.Namespace+"/"+part.Name)
			}
			assert.Equal(t, test.merged, merged)
			assert.Equal(t, test.policy, rule.PolicyFrom.Namespace+"/"+rule.PolicyFrom.Name)
		})
	}
}

func TestDefaultDestinationRuleExportTo(t *testing.T) {
	text := meshtest.MeshConfigText("defaultDestinationRuleExportTo: [\".\"]") + ruleText("shop", "a", "orders", "01", policyText)
	s := meshtest.Snapshot(t, text)
	assert.Nil(t, DestinationRuleFor(s, proxy.Client{Namespace: "istio-system"}, "orders.shop.svc.cluster.local", "shop"))
	assert.NotNil(t, DestinationRuleFor(s, proxy.Client{Namespace: "shop"}, "orders.shop.svc.cluster.local", "shop"))
}

func TestSubsetsAreMerged(t *testing.T) {
	s := meshtest.Snapshot(t, ruleText("shop", "a", "orders", "01", ", subsets: [{name: v1, labels: {version: v1}}]")+
		ruleText("shop", "b", "orders", "02", ", subsets: [{name: v1, labels: {version: other}}, {name: v2, labels: {version: v2}}]"))
	rule := DestinationRuleFor(s, proxy.Client{Namespace: "shop"}, "orders.shop.svc.cluster.local", "shop")
	first, ok := rule.Subset("v1")
	require.True(t, ok)
	assert.Equal(t, "a", first.From.Name)
	second, ok := rule.Subset("v2")
	require.True(t, ok)
	assert.Equal(t, "b", second.From.Name)
	assert.Equal(t, 1, second.Index)
	_, ok = rule.Subset("v3")
	assert.False(t, ok)
	_, ok = (*HostRule)(nil).Subset("v1")
	assert.False(t, ok)
}

func TestUpgradesToHTTP2(t *testing.T) {
	gateway := proxy.Client{Namespace: "istio-system"}
	pool := func(http string) string {
		return ruleText("shop", "a", "orders", "01", ", trafficPolicy: {connectionPool: {http: {"+http+"}}}")
	}
	tests := map[string]struct {
		text, portName string
		want           bool
		subset         string
	}{
		"nothing":                               {"", "http", false, ""},
		"the rule upgrades":                     {pool("h2UpgradePolicy: UPGRADE"), "foo", true, ""},
		"the client's protocol is kept":         {pool("useClientProtocol: true"), "http", true, ""},
		"the mesh upgrades HTTP ports":          {meshtest.MeshConfigText("h2UpgradePolicy: UPGRADE"), "http-web", true, ""},
		"the mesh upgrades no unnamed ports":    {meshtest.MeshConfigText("h2UpgradePolicy: UPGRADE"), "foo", false, ""},
		"the mesh upgrades no TCP ports":        {meshtest.MeshConfigText("h2UpgradePolicy: UPGRADE"), "tcp", false, ""},
		"the rule keeps the mesh from it":       {meshtest.MeshConfigText("h2UpgradePolicy: UPGRADE") + pool("h2UpgradePolicy: DO_NOT_UPGRADE"), "http", false, ""},
		"the rule is for another port":          {ruleText("shop", "a", "orders", "01", ", trafficPolicy: {portLevelSettings: [{port: {number: 9000}, connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}]}"), "http", false, ""},
		"the rule is for this port":             {ruleText("shop", "a", "orders", "01", ", trafficPolicy: {portLevelSettings: [{port: {number: 8000}, connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}]}"), "http", true, ""},
		"the port's settings replace the rule":  {ruleText("shop", "a", "orders", "01", ", trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}, portLevelSettings: [{port: {number: 8000}, loadBalancer: {simple: RANDOM}}]}"), "http", false, ""},
		"the mesh's default pool":               {meshtest.MeshConfigText("defaultTrafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}"), "foo", true, ""},
		"the subset upgrades":                   {ruleText("shop", "a", "orders", "01", ", subsets: [{name: v1, trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}}]"), "http", true, "v1"},
		"the subset's pool replaces the rule's": {ruleText("shop", "a", "orders", "01", ", trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}, subsets: [{name: v1, trafficPolicy: {connectionPool: {tcp: {maxConnections: 100}}}}]"), "http", false, "v1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := meshtest.Snapshot(t, test.text+"apiVersion: v1\nkind: Service\nmetadata: {name: orders, namespace: shop}\nspec: {ports: [{name: "+test.portName+", port: 8000}]}\n")
			service, ok := s.Services().Get("shop", "orders")
			require.True(t, ok)
			assert.Equal(t, test.want, UpgradesToHTTP2(s, service, &service.Spec.Ports[0], gateway, test.subset))
		})
	}
}

func TestTrafficPolicyFor(t *testing.T) {
	s := meshtest.Snapshot(t, ruleText("shop", "a", "orders", "01", `, trafficPolicy: {tls: {mode: DISABLE}, loadBalancer: {simple: RANDOM},
    portLevelSettings: [{port: {number: 9000}, tls: {mode: SIMPLE}}]},
  subsets: [{name: v1, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}]`))
	rule := DestinationRuleFor(s, proxy.Client{Namespace: "shop"}, "orders.shop.svc.cluster.local", "shop")
	tests := []struct {
		port          int32
		subset        string
		tls, balancer string
		steps         []string
	}{
		{8000, "", "DISABLE", "RANDOM", []string{"spec", "trafficPolicy", "tls"}},
		{9000, "", "SIMPLE", "UNSPECIFIED", []string{"spec", "trafficPolicy", "portLevelSettings", "0", "tls"}},
		{8000, "v1", "ISTIO_MUTUAL", "RANDOM", []string{"spec", "subsets", "0", "trafficPolicy", "tls"}},
		{8000, "nosuch", "DISABLE", "RANDOM", []string{"spec", "trafficPolicy", "tls"}},
	}
	for _, test := range tests {
		policy := TrafficPolicyFor(s, rule, test.port, test.subset)
		assert.Equal(t, test.tls, policy.TLS.GetMode().String())
		assert.Equal(t, test.balancer, policy.LoadBalancer.GetSimple().String())
		assert.Equal(t, test.steps, policy.TLSAt.Steps)
		assert.Equal(t, "a", policy.TLSAt.Rule.Name)
	}
	assert.Nil(t, TrafficPolicyFor(s, nil, 8000, "v1").TLS)
}

func TestServicesWithoutPortsHaveNoUpgrade(t *testing.T) {
	assert.False(t, UpgradesToHTTP2(meshtest.Snapshot(t, ""), &core.Service{}, &core.ServicePort{}, proxy.Client{}, ""))
}
