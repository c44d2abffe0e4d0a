package proxy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

func TestReadsRevision(t *testing.T) {
	stable := Istiod{Revision: "1-31", Tags: []string{"stable"}}
	label := func(value string) map[string]string { return map[string]string{LabelRevision: value} }
	assert.True(t, stable.ReadsRevision(mesh.KindVirtualService, nil))
	assert.True(t, stable.ReadsRevision(mesh.KindVirtualService, label("1-31")))
	assert.False(t, stable.ReadsRevision(mesh.KindVirtualService, label("stable")), "tags do not count")
	assert.False(t, stable.ReadsRevision(mesh.KindVirtualService, label("")))
	assert.True(t, stable.ReadsRevision(mesh.KindKubernetesGateway, label("stable")))
	assert.False(t, stable.ReadsRevision(mesh.KindKubernetesGateway, label("1-30")))
	assert.True(t, Istiod{}.ReadsRevision(mesh.KindVirtualService, label("any")), "one without a revision reads everything")
}

func TestReadsKind(t *testing.T) {
	for name, test := range map[string]struct {
		ignore, include string
		reads           bool
	}{
		"nothing":               {"", "", true},
		"the resource":          {"gateways.networking.istio.io, virtualservices.networking.istio.io", "", false},
		"another resource":      {"gateways.networking.istio.io", "", true},
		"the group":             {"*.networking.istio.io", "", false},
		"all of Istio":          {"*.istio.io", "", false},
		"taken in again":        {"*.istio.io", "virtualservices.networking.istio.io", true},
		"the group taken in":    {"*.istio.io", "*.networking.istio.io", true},
		"another group":         {"*.gateway.networking.k8s.io", "", true},
		"a group, not a suffix": {"networking.istio.io", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			template := &core.PodTemplateSpec{Spec: core.PodSpec{Containers: []core.Container{{
				Env: []core.EnvVar{{Name: IgnoreResources, Value: test.ignore}, {Name: IncludeResources, Value: test.include}},
			}}}}
			assert.Equal(t, test.reads, Istiod{Template: template}.ReadsKind(mesh.KindVirtualService))
		})
	}
	assert.True(t, Istiod{}.ReadsKind(mesh.KindVirtualService), "nothing is known of one that runs elsewhere")
}

func TestIstiodsOf(t *testing.T) {
	istiod := func(name, revision string) string {
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + ", namespace: istio-system}\n" +
			"spec: {template: {metadata: {labels: {app: istiod}}, spec: {containers: [{name: discovery, args: [discovery], env: [{name: REVISION, value: " + revision + "}]}]}}}"
	}
	webhook := func(name, revision, tag string) string {
		return "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: " + name + ", labels: {istio.io/rev: " + revision + ", istio.io/tag: " + tag + "}}\n" +
			"webhooks:\n- name: a.istio.io\n  clientConfig: {service: {name: istiod, namespace: istio-system, path: /inject}}\n" +
			"  rules: [{apiGroups: [\"\"], apiVersions: [v1], operations: [CREATE], resources: [pods]}]"
	}
	snapshot := meshtest.Snapshot(t, meshtest.Documents(istiod("one", "1-30"), istiod("two", "1-31"), webhook("tag", "1-31", "stable"), webhook("far", "remote", `""`)))
	revisions := func(of string) []string {
		var found []string
		for _, plane := range IstiodsOf(snapshot, of) {
			found = append(found, plane.Revision)
		}
		return found
	}
	assert.Equal(t, []string{"1-30"}, revisions("1-30"))
	assert.Equal(t, []string{"1-31"}, revisions("stable"))
	assert.Equal(t, []string{"remote"}, revisions("remote"))
	assert.Equal(t, []string{"1-30", "1-31", "remote"}, revisions(""))
}

func TestKeepsGatewaysApart(t *testing.T) {
	for name, test := range map[string]struct {
		image, setting string
		apart          bool
	}{
		"before":           {"docker.io/istio/pilot:1.30.5", "", false},
		"since":            {"docker.io/istio/pilot:1.31.0", "", true},
		"a candidate":      {"docker.io/istio/pilot:1.31-alpha.1", "", true},
		"switched off":     {"docker.io/istio/pilot:1.32.0-distroless", "false", false},
		"switched on":      {"docker.io/istio/pilot:1.32.0", "true", true},
		"version unknown":  {"docker.io/istio/pilot@sha256:abc", "", false},
		"a tag of its own": {"registry.example.com/pilot:latest", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			template := &core.PodTemplateSpec{Spec: core.PodSpec{Containers: []core.Container{{
				Name: "discovery", Image: test.image, Env: []core.EnvVar{{Name: "PILOT_ENABLE_STRICT_GATEWAY_MERGING", Value: test.setting}},
			}}}}
			assert.Equal(t, test.apart, Istiod{Template: template}.KeepsGatewaysApart())
		})
	}
	assert.False(t, Istiod{}.KeepsGatewaysApart(), "the version of one that runs elsewhere is not known")
}
