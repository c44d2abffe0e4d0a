package lint

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/injection"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

const precedenceObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders, namespace: shop}
spec: {template: {metadata: {labels: {app: orders}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: other, namespace: shop}
spec: {template: {metadata: {labels: {app: other}}}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: unrelated, namespace: far}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec:
  gateways: [edge/pubic]
  http: [{route: [{destination: {host: orders, subset: v1}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: elsewhere, namespace: shop}
spec: {http: [{route: [{destination: {host: other}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec: {host: orders.shop.svc.cluster.local}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec: {parentRefs: [{name: unrelated}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: wide, namespace: shop}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: orders, namespace: shop}
spec: {selector: {matchLabels: {app: orders}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: other, namespace: shop}
spec: {selector: {matchLabels: {app: other}}}
`

func TestOneFaultOneFinding(t *testing.T) {
	objects := map[string]mesh.Object{}
	sourced := casetest.Decode(t, "", []byte(precedenceObjects))
	for _, object := range sourced {
		objects[mesh.KeyOf(object.Object).String()] = object.Object
	}
	snapshot := mesh.New(sourced, mesh.Options{})
	type fault struct{ id, object, path string }
	for name, test := range map[string]struct {
		found, shown []fault
	}{
		"no injector explains every label": {
			[]fault{{"GX101", "Namespace shop", ""}, {"GX104", "Deployment shop/orders", ""}}, []fault{{"GX101", "Namespace shop", ""}},
		},
		"the same workload": {
			[]fault{{"GX105", "Deployment shop/orders", ""}, {"GX102", "Deployment shop/orders", ""}, {"GX102", "Deployment shop/other", ""}},
			[]fault{{"GX105", "Deployment shop/orders", ""}, {"GX102", "Deployment shop/other", ""}},
		},
		"a chain: what is explained explains": {
			[]fault{{"GX114", "Namespace shop", ""}, {"GX113", "Namespace shop", ""}, {"GX102", "Deployment shop/orders", ""}},
			[]fault{{"GX114", "Namespace shop", ""}},
		},
		"the same server": {
			[]fault{
				{"GX404", "Gateway edge/public", ".spec.servers[0].port.number"},
				{"GX403", "Gateway edge/public", ".spec.servers[0].port"},
				{"GX403", "Gateway edge/public", ".spec.servers[1].port.number"},
			},
			[]fault{
				{"GX404", "Gateway edge/public", ".spec.servers[0].port.number"}, {"GX403", "Gateway edge/public", ".spec.servers[1].port.number"},
			},
		},
		"the Gateway that stays unbound": {
			[]fault{{"GX501", "VirtualService shop/orders", ""}, {"GX414", "Gateway edge/public", ""}, {"GX414", "Gateway far/unrelated", ""}},
			[]fault{{"GX501", "VirtualService shop/orders", ""}, {"GX414", "Gateway far/unrelated", ""}},
		},
		"the parent of a route": {
			[]fault{{"GX801", "GRPCRoute shop/orders", ""}, {"GX414", "Gateway edge/public", ""}, {"GX414", "Gateway far/unrelated", ""}},
			[]fault{{"GX801", "GRPCRoute shop/orders", ""}, {"GX414", "Gateway edge/public", ""}},
		},
		"the same host": {
			[]fault{{"GX513", "DestinationRule shop/orders", ""}, {"GX505", "VirtualService shop/orders", ""}, {"GX505", "VirtualService shop/elsewhere", ""}},
			[]fault{{"GX513", "DestinationRule shop/orders", ""}, {"GX505", "VirtualService shop/elsewhere", ""}},
		},
		"policies of one workload": {
			[]fault{
				{"GX702", "AuthorizationPolicy shop/orders", ""},
				{"GX701", "AuthorizationPolicy shop/wide", ""},
				{"GX701", "AuthorizationPolicy shop/other", ""},
			},
			[]fault{{"GX702", "AuthorizationPolicy shop/orders", ""}, {"GX701", "AuthorizationPolicy shop/other", ""}},
		},
		"a policy of all workloads": {
			[]fault{{"GX703", "AuthorizationPolicy shop/wide", ""}, {"GX701", "AuthorizationPolicy shop/other", ""}},
			[]fault{{"GX703", "AuthorizationPolicy shop/wide", ""}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var found []checks.Finding
			for _, fault := range test.found {
				found = append(found, checks.Finding{ID: fault.id, Object: objects[fault.object], Path: plan.Path(strings.FieldsFunc(fault.path, func(r rune) bool { return strings.ContainsRune(".[]", r) }))})
			}
			var shown []fault
			for _, finding := range oneFaultOneFinding(snapshot, found) {
				shown = append(shown, fault{finding.ID, mesh.KeyOf(finding.Object).String(), finding.Path.String()})
			}
			assert.Equal(t, test.shown, shown)
		})
	}
}

// TestExplanationsNameChecks holds that the table names no check that there is none of.
func TestExplanationsNameChecks(t *testing.T) {
	for _, explanation := range explanations {
		for _, id := range append(slices.Clone(explanation.by), explanation.explained) {
			_, known := Find(id)
			assert.True(t, known, id)
		}
	}
}

// TestWhatCreateAccepts holds that each check of injection says whether it is about what --inject=none or --restart=none asks for.
func TestWhatCreateAccepts(t *testing.T) {
	regardless := []string{"GX111", "GX112", "GX113", "GX114", "GX115", "GX116", "GX117"} // about proxies that are there, callers, or the control plane
	for _, check := range injection.Checks() {
		assert.Equal(t, slices.Contains(regardless, check.ID), check.Accepts == 0, "%s %s: set Accepts, or add it here", check.ID, check.Slug)
	}
}
