package gatewayapi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

// gatewayAllowing is the Gateway edge/public with one HTTP listener at port 80 for a.example.com; allowed is its allowedListeners.
func gatewayAllowing(class, allowed string) string {
	return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: ` + class + `
  allowedListeners: ` + allowed + `
  listeners: [{name: own, port: 80, protocol: HTTP, hostname: a.example.com}]
`
}

// listenerSet is one of namespace shop for the Gateway edge/public.
func listenerSet(name, age, listeners string) string {
	return `apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: ` + name + `, namespace: shop, creationTimestamp: "2026-01-0` + age + `T00:00:00Z"}
spec:
  parentRef: {name: public, namespace: edge}
  listeners: [` + listeners + `]
`
}

func TestListenerSetAdmission(t *testing.T) {
	const namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: shop}}\n"
	for name, test := range map[string]struct {
		class, allowed string
		want           Admission
	}{
		"all":                    {"istio", "{namespaces: {from: All}}", Admitted},
		"nothing said":           {"istio", "{}", NamespaceNotAdmitted},
		"none":                   {"istio", "{namespaces: {from: None}}", NamespaceNotAdmitted},
		"same":                   {"istio", "{namespaces: {from: Same}}", NamespaceNotAdmitted},
		"selected":               {"istio", "{namespaces: {from: Selector, selector: {matchLabels: {team: shop}}}}", Admitted},
		"not selected":           {"istio", "{namespaces: {from: Selector, selector: {matchLabels: {team: web}}}}", NamespaceNotAdmitted},
		"a waypoint":             {"istio-waypoint", "{namespaces: {from: All}}", ClassWithoutSets},
		"another implementation": {"envoy", "{namespaces: {from: All}}", ForeignClass},
	} {
		s := meshtest.Snapshot(t, meshtest.Documents(namespace, gatewayAllowing(test.class, test.allowed), listenerSet("more", "1", "")))
		assert.Equal(t, test.want, listenerSetNamed(s, "shop", "more").Admission, name)
	}
	s := meshtest.Snapshot(t, listenerSet("more", "1", ""))
	assert.Equal(t, NoSuchGateway, ListenerSets(s)[0].Admission)
	assert.Nil(t, listenerSetNamed(s, "shop", "absent"))
}

func TestListenerConflicts(t *testing.T) {
	s := meshtest.Snapshot(t, meshtest.Documents(gatewayAllowing("istio", "{namespaces: {from: All}}"),
		listenerSet("younger", "2", "{name: b, port: 80, protocol: HTTP, hostname: b.example.com}, {name: any, protocol: HTTP}"),
		listenerSet("older", "1", `{name: a, port: 80, protocol: HTTP, hostname: a.example.com}, {name: b, protocol: HTTP, hostname: b.example.com},
    {name: tcp, port: 80, protocol: TCP}, {name: other, port: 81, protocol: HTTP, hostname: a.example.com}`)))
	for name, want := range map[string]string{
		"older":   "a behind own, b served, tcp behind own, other served",
		"younger": "b behind b, any served",
	} {
		var got []string
		for _, listener := range listenerSetNamed(s, "shop", name).Listeners {
			text := " served"
			if listener.Conflict != nil {
				text = " behind " + string(listener.Conflict.Name)
			}
			got = append(got, string(listener.Name)+text)
		}
		assert.Equal(t, want, strings.Join(got, ", "), name)
	}
}

func TestListenerSetParents(t *testing.T) {
	route := func(parent string) string {
		return `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec: {parentRefs: [{group: gateway.networking.k8s.io, ` + parent + `}], hostnames: [a.example.com]}
`
	}
	for name, test := range map[string]struct{ parent, want string }{
		"served and not":        {"kind: ListenerSet, name: more", "other attached, a not served"},
		"by section":            {"kind: ListenerSet, name: more, sectionName: other", "other attached"},
		"of no such set":        {"kind: ListenerSet, name: absent", ""},
		"the Gateway's are not": {"kind: Gateway, name: public, namespace: edge", "none"},
	} {
		s := meshtest.Snapshot(t, meshtest.Documents(gatewayAllowing("istio", "{namespaces: {from: All}}"), route(test.parent),
			listenerSet("more", "1", "{name: a, port: 80, protocol: HTTP, hostname: a.example.com}, {name: other, port: 81, protocol: HTTP}")))
		parents := ListenerSetParents(s, APIRoutes(s)[0])
		if test.want == "none" {
			assert.Empty(t, parents, name)
			continue
		}
		var got []string
		for _, match := range parents[0].Listeners {
			got = append(got, string(match.Listener.Name)+" "+string(match.Attachment))
		}
		assert.Equal(t, test.want, strings.Join(got, ", "), name)
	}
}
