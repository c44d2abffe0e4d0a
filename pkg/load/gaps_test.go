package load

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

func TestGapsText(t *testing.T) {
	list := func(group, resource, namespace string) cluster.Permission {
		return cluster.Permission{Verb: "list", Group: group, Resource: resource, Namespace: namespace}
	}
	loaded := &cluster.Loaded{
		Missing: []cluster.Permission{
			list("", "namespaces", ""), list("", "services", ""), list("apps", "deployments", ""), list("", "pods", "test"),
			{Verb: "get", Resource: "secrets", Namespace: "istio-system", Name: "grpc-cert"},
		},
		Gaps: []mesh.Gap{{Reason: "you may not list pods in namespace test"}, {Reason: "spec.hosts: must be a list"}},
	}
	assert.Equal(t, "Not looked at: you may not list namespaces; you may not list services, deployments.apps in all namespaces; "+
		"you may not list pods in namespace test; you may not get secrets/grpc-cert in namespace istio-system; spec.hosts: must be a list", GapsText(loaded))
}
