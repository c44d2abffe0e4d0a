package plugin

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/internal/golden"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/rbac"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
)

// TestPrintedRolesAreEnough: what create asks the API server for is a part of what --print-rbac has printed with the same flags,
// on every mesh of the corpus and in many ways of asking.
func TestPrintedRolesAreEnough(t *testing.T) {
	ways := map[string]func(*expose.Intent){
		"plain":       func(*expose.Intent) {},
		"any kind":    func(intent *expose.Intent) { intent.Kind = "" },
		"new port":    func(intent *expose.Intent) { intent.Port, intent.OpenGatewayPort = 9999, true },
		"workload":    func(intent *expose.Intent) { intent.Inject = expose.InjectWorkload },
		"none":        func(intent *expose.Intent) { intent.Inject, intent.Restart = expose.InjectNone, remedy.RestartNone },
		"namespace":   func(intent *expose.Intent) { intent.Restart = remedy.RestartNamespace },
		"own service": func(intent *expose.Intent) { intent.Service = "a-new-one" },
	}
	asked := 0
	for number, name := range corpus.Names(t) {
		if number%4 != 0 {
			continue // a part of them has every kind of plan
		}
		snapshot := corpus.Mesh(t, name)
		for w, ports := range exposure.ExposedWorkloads(snapshot) {
			for way, change := range ways {
				intent := expose.Intent{
					Kind: w.Key.Kind, Namespace: w.Namespace(), Name: w.Name(), Port: ports[0].Port.Port,
					Inject: expose.InjectNamespace, Restart: remedy.RestartWorkload,
				}
				if number, _, ok := workload.TargetPort(ports[0].Port, w.Template); ok {
					intent.TargetPort = intstr.FromInt32(number)
				}
				change(&intent)
				granted := review.RightsForCreate(intent, false, snapshot)
				for _, needed := range needs(intent, snapshot) {
					assert.True(t, grants(granted, needed), "%s, %s: %s", name, way, needed)
				}
				asked++
			}
		}
	}
	assert.Greater(t, asked, 100)
}

// needs is what create asks for: reads of the request and of what follows, and the plan's writes.
func needs(intent expose.Intent, snapshot *mesh.Snapshot) []cluster.Permission {
	request := review.ForCreate(intent).Request()
	var permissions []cluster.Permission
	for kind, namespaces := range request.Kinds {
		permissions = append(permissions, rbac.ToRead([]mesh.Kind{kind}, []string{"list"}, namespaces...)...)
	}
	followed := request.Follow(snapshot)
	for kind, namespaces := range followed.Kinds {
		permissions = append(permissions, rbac.ToRead([]mesh.Kind{kind}, []string{"list"}, namespaces...)...)
	}
	for _, secret := range followed.Secrets {
		permissions = append(permissions, rbac.On(mesh.KindSecret, secret.Namespace, secret.Name, "get")...)
	}
	for _, configMap := range followed.ConfigMaps {
		permissions = append(permissions, rbac.On(mesh.KindConfigMap, configMap.Namespace, configMap.Name, "get")...)
	}
	permissions = append(permissions, rbac.ToRead(review.ForPath(intent.Namespace).Kinds, []string{"list"})...)
	result, err := expose.Build(intent, snapshot)
	if err != nil {
		return permissions
	}
	permissions = append(permissions, rbac.ForPlan(result.Plan)...)
	for _, rollout := range result.Rollouts {
		permissions = append(permissions, rbac.On(rollout.Kind, rollout.Namespace, rollout.Name, "get", "watch")...)
	}
	if result.AwaitPort != nil {
		permissions = append(permissions, rbac.On(mesh.KindService, result.AwaitPort.Namespace, result.AwaitPort.Name, "get", "watch")...)
	}
	return permissions
}

// grants reports whether one of the permissions is the needed one, or more.
func grants(granted []cluster.Permission, needed cluster.Permission) bool {
	return slices.ContainsFunc(granted, func(has cluster.Permission) bool {
		return has.Verb == needed.Verb && has.Group == needed.Group && has.Resource == needed.Resource &&
			(has.Namespace == "" && (has.Name == "" || needed.Namespace == "") || has.Namespace == needed.Namespace) && (has.Name == "" || has.Name == needed.Name)
	})
}

func TestPrintRBAC(t *testing.T) {
	streams, out, _ := report.FakeStreams("")
	create := &createOptions{streams: streams, intent: expose.Intent{
		Kind: mesh.KindDeployment, Namespace: "test", Name: "server", Inject: expose.InjectNamespace,
		TLSSecret: "cert", TLSMutual: true, OpenGatewayPort: true,
	}}
	require.NoError(t, create.printRoles(t.Context()))
	golden.Compare(t, "testdata/rbac-create.golden", out.String())
	out.Reset()
	remove := &deleteOptions{streams: streams, workload: mesh.Key{Namespace: "test", Name: "server"}}
	require.NoError(t, remove.printRoles())
	golden.Compare(t, "testdata/rbac-delete.golden", out.String())
}
