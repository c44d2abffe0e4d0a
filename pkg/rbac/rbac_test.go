package rbac

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/golden"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

func TestPlanPermissions(t *testing.T) {
	object := func(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
		u := &unstructured.Unstructured{}
		u.SetAPIVersion(apiVersion)
		u.SetKind(kind)
		u.SetNamespace(namespace)
		u.SetName(name)
		return u
	}
	permissions := ForPlan(plan.Plan{Changes: []plan.Change{
		{Action: plan.Update, Object: object("v1", "Namespace", "", "test")},
		{Action: plan.Restart, Object: object("apps/v1", "Deployment", "test", "server")},
		{Action: plan.Create, Object: object("networking.istio.io/v1", "Gateway", "test", "server")},
		{Action: plan.Delete, Object: object("v1", "Service", "test", "server")},
	}})
	var texts []string
	for _, permission := range permissions {
		texts = append(texts, permission.String())
	}
	assert.Equal(t, []string{
		"get namespaces/test", "patch namespaces/test",
		"get deployments.apps/server in namespace test", "watch deployments.apps/server in namespace test", "patch deployments.apps/server in namespace test",
		"get gateways.networking.istio.io/server in namespace test", "create gateways.networking.istio.io in namespace test",
		"patch gateways.networking.istio.io/server in namespace test",
		"get services/server in namespace test", "delete services/server in namespace test",
	}, texts)
}

func TestMissingPermissions(t *testing.T) {
	golden.Compare(t, "testdata/missing-permissions.golden", Missing("nothing was written: you lack permissions", []cluster.Permission{
		{Verb: "patch", Resource: "namespaces", Name: "test"},
		{Verb: "create", Group: "networking.istio.io", Resource: "gateways", Namespace: "test"},
		{Verb: "patch", Group: "networking.istio.io", Resource: "gateways", Namespace: "test"},
		{Verb: "patch", Resource: "services", Namespace: "istio-system", Name: "istio-ingressgateway"},
	}).Error()+"\n")
}
