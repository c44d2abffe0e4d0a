package report

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSectionsOf(t *testing.T) {
	found := func(context, kind, namespace, name string, workloads ...string) LintFinding {
		return LintFinding{Context: context, Object: LintObject{Kind: kind, Namespace: namespace, Name: name}, workloads: workloads}
	}
	orders, payments := "Deployment shop/orders", "StatefulSet shop/payments"
	findings := []LintFinding{
		found("west", "Namespace", "", "shop", orders, payments),
		found("west", "Namespace", "", "lab"),
		found("west", "Service", "lab", "play"),
		found("west", "AuthorizationPolicy", "shop", "all", orders),
		found("west", "Gateway", "shop", "edge", orders),
		found("west", "Service", "shop", "orders", orders),
		found("west", "Service", "shop", "payments", payments),
		found("west", "VirtualService", "shop", "orders", orders),
		found("west", "Gateway", "shop", "public", orders, payments, "Deployment shop/a", "Deployment shop/b", "Deployment shop/c"),
		found("east", "Service", "shop", "orders", orders),
	}
	var got []string
	for _, section := range sectionsOf(findings) {
		got = append(got, section.heading)
		for _, finding := range section.findings {
			got = append(got, "  "+finding.Object.String())
		}
	}
	assert.Equal(t, []string{
		"Context west, path to Deployment shop/orders",
		"  Gateway shop/edge", "  VirtualService shop/orders", "  Service shop/orders", "  AuthorizationPolicy shop/all",
		"Context west, path to StatefulSet shop/payments",
		"  Service shop/payments",
		"Context west, paths to Deployment shop/orders and StatefulSet shop/payments",
		"  Namespace shop",
		"Context west, paths to Deployment shop/orders, StatefulSet shop/payments, Deployment shop/a and 2 more",
		"  Gateway shop/public",
		"Context west, whole cluster",
		"  Namespace lab",
		"Context west, namespace lab",
		"  Service lab/play",
		"Context east, path to Deployment shop/orders",
		"  Service shop/orders",
	}, got)
}
