package policy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

func networkPolicyText(spec string) string {
	return `apiVersion: v1
kind: Namespace
metadata: {name: istio-system, labels: {team: mesh}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec: {` + spec + "}\n"
}

func TestAllowsIngress(t *testing.T) {
	template := &core.PodTemplateSpec{Spec: core.PodSpec{Containers: []core.Container{{Ports: []core.ContainerPort{{Name: "grpc", ContainerPort: 50051}}}}}}
	gateway := Peer{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}, Addresses: []string{"10.244.0.20"}}
	unknown := Peer{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}}
	host := Peer{Namespace: "istio-system", HostNetwork: true}
	from := func(peer string) string { return "podSelector: {}, ingress: [{from: [" + peer + "]}]" }
	ports := func(ports string) string { return "podSelector: {}, ingress: [{ports: [" + ports + "]}]" }
	tests := []struct {
		spec string
		peer Peer
		want Match
	}{
		{"podSelector: {}", gateway, Never},
		{"podSelector: {}, ingress: [{}]", gateway, Always},
		{from("{podSelector: {}}"), gateway, Never},
		{from("{namespaceSelector: {}}"), gateway, Always},
		{from("{namespaceSelector: {matchLabels: {team: mesh}}}"), gateway, Always},
		{from("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: istio-system}}}"), gateway, Always},
		{from("{namespaceSelector: {matchExpressions: [{key: team, operator: NotIn, values: [mesh]}]}}"), gateway, Never},
		{from("{namespaceSelector: {}, podSelector: {matchLabels: {istio: ingressgateway}}}"), gateway, Always},
		{from("{namespaceSelector: {}, podSelector: {matchLabels: {istio: other}}}"), gateway, Never},
		{from("{podSelector: {}}, {namespaceSelector: {}}"), gateway, Always},
		{from("{ipBlock: {cidr: 10.244.0.0/16}}"), gateway, Always},
		{from("{ipBlock: {cidr: 10.244.0.0/16, except: [10.244.0.0/24]}}"), gateway, Never},
		{from("{ipBlock: {cidr: 192.0.2.0/24}}"), gateway, Never},
		{from("{ipBlock: {cidr: 192.0.2.0/24}}"), unknown, Sometimes},
		{from("{ipBlock: {cidr: 0.0.0.0/0}}"), unknown, Always},
		{from("{namespaceSelector: {matchLabels: {team: other}}}"), host, Sometimes},
		{from("{}"), gateway, Never},
		{ports("{port: 50051}"), gateway, Always},
		{ports("{port: 8000}"), gateway, Never},
		{ports("{port: grpc}"), gateway, Always},
		{ports("{port: http}"), gateway, Never},
		{ports("{port: 50051, protocol: UDP}"), gateway, Never},
		{ports("{protocol: TCP}"), gateway, Always},
		{ports("{port: 50000, endPort: 50100}"), gateway, Always},
		{ports("{port: 50052, endPort: 50100}"), gateway, Never},
		{"podSelector: {}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 8000}]}, {ports: [{port: 50051}], from: [{podSelector: {}}]}]", gateway, Never},
	}
	for _, test := range tests {
		t.Run(test.spec, func(t *testing.T) {
			s := meshtest.Snapshot(t, networkPolicyText(test.spec))
			assert.Equal(t, test.want, AllowsIngress(s, s.NetworkPolicies().All()[0], test.peer, 50051, template))
		})
	}
}

func TestIngressPoliciesFor(t *testing.T) {
	labels := map[string]string{"app": "orders"}
	for spec, want := range map[string]int{
		"podSelector: {}": 1,
		"podSelector: {matchLabels: {app: orders}}":                       1,
		"podSelector: {matchLabels: {app: carts}}":                        0,
		"podSelector: {}, policyTypes: [Egress]":                          0,
		"podSelector: {}, policyTypes: [Egress, Ingress]":                 1,
		"podSelector: {matchExpressions: [{key: app, operator: Exists}]}": 1,
	} {
		assert.Len(t, IngressPoliciesFor(meshtest.Snapshot(t, networkPolicyText(spec)), "shop", labels), want, spec)
	}
	assert.Empty(t, IngressPoliciesFor(meshtest.Snapshot(t, networkPolicyText("podSelector: {}")), "web", labels))
}
