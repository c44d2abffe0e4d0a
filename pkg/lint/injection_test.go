package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// example is the mesh of an example on the default base, with gaps.
func exampleMesh(t *testing.T, text string, base bool, gaps ...mesh.Gap) *mesh.Snapshot {
	t.Helper()
	objects := casetest.Decode(t, "example", []byte(text))
	if base {
		objects = append(casetest.Base(t, "default"), objects...)
	}
	return mesh.New(objects, mesh.Options{Now: casetest.Now, Gaps: gaps})
}

func runFamily(snapshot *mesh.Snapshot, prefix string) (findings []checks.Finding, skipped map[string]string) {
	report := Run(snapshot, Options{})
	for _, finding := range report.Findings {
		if strings.HasPrefix(finding.ID, prefix) {
			findings = append(findings, finding)
		}
	}
	skipped = map[string]string{}
	for _, skip := range report.Skips {
		skipped[skip.ID] = skip.Reason
	}
	return findings, skipped
}

// TestInjectionUnknown holds that nothing is said to be missing of which only a part was read.
func TestInjectionUnknown(t *testing.T) {
	const notThere = "not among the files"
	workload := example.Workload("", "", "")
	cases := []struct {
		name    string
		text    string
		base    bool
		gaps    []mesh.Gap
		found   []string
		skipped []string
	}{
		{"files of an application, all else unknown", example.Namespace("istio-injection: enabled") + workload, false, []mesh.Gap{{Reason: notThere}}, nil, []string{"GX101"}},
		{"other webhooks unknown", example.Namespace("istio.io/rev: canary") + workload, true, []mesh.Gap{{Reason: notThere}}, nil, []string{"GX104"}},
		{"other webhooks unknown, no label", example.Namespace("team: shop") + workload, true, []mesh.Gap{{Reason: notThere}}, nil, []string{"GX102"}},
		{"other webhooks unknown, annotation", example.Namespace("team: shop") + example.Workload("", `sidecar.istio.io/inject: "true"`, ""), true, []mesh.Gap{{Reason: notThere}}, nil, []string{"GX105"}},
		{"namespace unknown", strings.TrimPrefix(workload, "---\n"), true, []mesh.Gap{{Kind: mesh.KindNamespace, Name: "shop", Reason: "you may not get it"}}, nil, []string{"GX102", "GX103", "GX104", "GX114"}},
		{"webhooks may not be listed", example.Namespace("istio-injection: enabled") + workload + example.Pod(""), false, []mesh.Gap{{Kind: mesh.KindWebhook, Reason: "you may not list them"}}, nil, []string{"GX101", "GX102", "GX106"}},
		{"waypoint unknown", example.Namespace("istio.io/dataplane-mode: ambient, istio.io/use-waypoint: w") + workload, true, []mesh.Gap{{Reason: notThere}}, nil, []string{"GX113"}},
		{"the injector's Service unknown", example.Namespace("istio.io/rev: x") + workload + strings.ReplaceAll(exampleInjector, "REVISION", "x"), true, []mesh.Gap{{Kind: mesh.KindService, Name: "istiod-x", Reason: notThere}}, nil, nil},
		{"what is seen is judged", example.Namespace("istio-injection: enabled") + workload + example.Pod(""), true, []mesh.Gap{{Reason: notThere}}, []string{"GX106 Deployment/shop/checkout"}, nil},
		{"what the object itself says is judged", example.Namespace("team: shop") + example.Workload("", "", "hostNetwork: true"), false, []mesh.Gap{{Reason: notThere}}, []string{"GX109 Deployment/shop/checkout"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			findings, skipped := runFamily(exampleMesh(t, c.text, c.base, c.gaps...), "GX1")
			var found []string
			for _, finding := range findings {
				found = append(found, casetest.Expectation(finding))
			}
			assert.Equal(t, c.found, found)
			for _, id := range c.skipped {
				assert.Contains(t, skipped, id)
			}
		})
	}
}

// exampleInjector is the webhook configuration of a revision, without the control plane behind it.
const exampleInjector = `---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata:
  name: istio-sidecar-injector-REVISION
  labels: {app: sidecar-injector, istio.io/rev: REVISION}
webhooks:
- name: rev.namespace.sidecar-injector.istio.io
  clientConfig:
    service: {name: istiod-REVISION, namespace: istio-system, path: /inject}
  failurePolicy: Fail
  rules:
  - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}
  namespaceSelector:
    matchExpressions:
    - {key: istio.io/rev, operator: In, values: [REVISION]}
    - {key: istio-injection, operator: DoesNotExist}
`

// exampleCanary is the injector of a second control plane, outside the cluster.
var exampleCanary = strings.ReplaceAll(exampleInjector, "REVISION", "canary") + `---
apiVersion: v1
kind: Service
metadata: {name: istiod-canary, namespace: istio-system}
spec:
  type: ExternalName
  externalName: istiod.example.com
`

// exampleWorkloadClass is the class of waypoints, with the label that makes them waypoints for workloads.
const exampleWorkloadClass = `---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: istio-waypoint, labels: {istio.io/waypoint-for: workload}}
spec: {controllerName: istio.io/mesh-controller}
`

// TestInjectionFixes pins what the fixes of the family change, and when they are left to the user.
func TestInjectionFixes(t *testing.T) {
	paused := strings.Replace(example.Workload("", "", ""), "  replicas: 2\n", "  replicas: 2\n  paused: true\n", 1)
	partitioned := strings.Replace(strings.Replace(example.Workload("", "", ""), "kind: Deployment", "kind: StatefulSet", 1),
		"  replicas: 2\n", "  replicas: 2\n  updateStrategy: {rollingUpdate: {partition: 1}}\n", 1)
	cases := []struct {
		name, text, id string
		level          checks.FixLevel
		changes        []string
	}{
		{
			"label and restart", example.Namespace("team: shop") + example.Workload("", "", "") + example.Pod(""), "GX102", checks.Safe,
			[]string{"update Namespace shop: .metadata.labels.istio-injection = enabled", "restart Deployment shop/checkout: restartedAt"},
		},
		{
			"several revisions", example.Namespace("team: shop") + example.Workload("", "", "") + exampleCanary, "GX102", checks.Ask,
			[]string{"update Namespace shop: .metadata.labels.istio-injection = enabled"},
		},
		{
			"injection switched off by somebody", example.Namespace("istio-injection: disabled") + example.Workload("", "", ""), "GX102", checks.Words, nil,
		},
		{
			"only a dead injector could help", example.Namespace("istio-injection: disabled") + example.Workload("", "", "") + example.Istiod(false), "GX102", checks.Words, nil,
		},
		{
			"paused", example.Namespace("istio-injection: enabled") + paused + example.Pod(""), "GX106", checks.Words, nil,
		},
		{
			"restart while the injector is dead", example.Namespace("istio-injection: enabled") + example.Workload("", "", "") + example.Pod("") + example.Istiod(false), "GX106", checks.Words, nil,
		},
		{
			"right key kept", example.Namespace("istio.io/rev: gone") + example.Workload("", "", ""), "GX104", checks.Safe,
			[]string{"update Namespace shop: .metadata.labels['istio.io/rev'] = default"},
		},
		{
			"wrong value replaced", example.Namespace("team: shop") + example.Workload(", sidecar.istio.io/inject: enabled", "", ""), "GX105", checks.Safe,
			[]string{"update Deployment shop/checkout: .spec.template.metadata.labels['sidecar.istio.io/inject'] = true"},
		},
		{
			"opt-out taken back", example.Namespace("istio-injection: enabled") + example.Workload("", `sidecar.istio.io/inject: "false"`, ""), "GX108", checks.Ask,
			[]string{"update Deployment shop/checkout: .spec.template.metadata.annotations['sidecar.istio.io/inject'] = <nil>"},
		},
		{
			"opt-out while the injector is dead", example.Namespace("istio-injection: enabled") + example.Workload(`, sidecar.istio.io/inject: "false"`, "", "") + example.Istiod(false),
			"GX108", checks.Words, nil,
		},
		{
			"pods below a partition", example.Namespace("istio-injection: enabled") + partitioned + strings.Replace(example.Pod(""), "kind: ReplicaSet, name: checkout-5d9c7b8f6", "kind: StatefulSet, name: checkout", 1),
			"GX106", checks.Words, nil,
		},
		{
			"discovery label with another value", example.Namespace("istio-injection: enabled, istio-discovery: later") + example.Workload("", "", "") + example.Discovery, "GX111", checks.Words, nil,
		},
		{
			"one of two excluded ports", example.Namespace("istio-injection: enabled") + example.Workload("", `traffic.sidecar.istio.io/excludeInboundPorts: "9090, 50051"`, ""), "GX112", checks.Ask,
			[]string{"update Deployment shop/checkout: .spec.template.metadata.annotations['traffic.sidecar.istio.io/excludeInboundPorts'] = 9090"},
		},
		{
			"the only excluded port", example.Namespace("istio-injection: enabled") + example.Workload("", `traffic.sidecar.istio.io/excludeInboundPorts: "50051"`, ""), "GX112", checks.Ask,
			[]string{"update Deployment shop/checkout: .spec.template.metadata.annotations['traffic.sidecar.istio.io/excludeInboundPorts'] = <nil>"},
		},
		{
			"a port to include", example.Namespace("istio-injection: enabled") + example.Workload("", `traffic.sidecar.istio.io/includeInboundPorts: "9090"`, ""), "GX112", checks.Ask,
			[]string{"update Deployment shop/checkout: .spec.template.metadata.annotations['traffic.sidecar.istio.io/includeInboundPorts'] = 9090,50051"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			findings, _ := runFamily(exampleMesh(t, c.text, true), c.id)
			require.Len(t, findings, 1)
			assert.Equal(t, c.level, findings[0].Fix.Level)
			assert.NotEmpty(t, findings[0].Fix.Text)
			assert.Equal(t, c.changes, changeTexts(findings[0].Fix.Changes))
		})
	}
}

// withoutWebhooks is, in place of the configuration of the mesh, one with no webhook in it.
const withoutWebhooks = `---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: istio-sidecar-injector}
webhooks: []
`

// TestInjectionWords pins what findings name where the words are all there is to go by.
func TestInjectionWords(t *testing.T) {
	const ambient = "istio.io/dataplane-mode: ambient, "
	workload := example.Workload("", "", "")
	waypoint := func(namespace, metadata, listener string) string {
		return fmt.Sprintf(`---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: %s%s}
spec:
  gatewayClassName: istio-waypoint
  listeners: [{name: mesh, port: 15008, protocol: HBONE%s}]
`, namespace, metadata, listener)
	}
	otherPod := func(annotations string) string {
		return strings.Replace(example.Pod(annotations), "name: checkout-5d9c7b8f6-x2x4z", "name: checkout-5d9c7b8f6-k8w7q", 1)
	}
	barn := strings.ReplaceAll(example.Namespace("team: shop")+example.Workload(`, sidecar.istio.io/inject: "true"`, "", ""), "shop", "barn")
	notCaptured := func(value string) string {
		return example.Workload("", "traffic.sidecar.istio.io/excludeInboundPorts: "+value, "")
	}
	for _, c := range []struct{ name, text, id, path, words string }{
		{"label of the template that no webhook heeds", example.Namespace("istio-injection: disabled") + example.Workload(`, sidecar.istio.io/inject: "true"`, "", ""), "GX102", "", `no webhook heeds sidecar.istio.io/inject="true"`},
		{"injection switched off beside a revision", example.Namespace("istio-injection: disabled, istio.io/rev: default") + workload, "GX103", ".metadata.labels.istio-injection", "istio-injection=disabled switches injection off"},
		{"proxies that still run", example.Namespace("istio.io/rev: gone") + workload + example.Pod(example.Injected("gone")), "GX104", ".metadata.labels['istio.io/rev']", "none while the pods that run keep their proxies"},
		{"proxies that still run without an injector", example.Namespace("istio-injection: enabled") + workload + example.Pod(example.Injected("default")) + withoutWebhooks, "GX101", ".metadata.labels.istio-injection", "so in namespace shop new pods get no proxy; those that run keep theirs until they are made anew"},
		{"clients of proxies that still run without an injector", example.Namespace("istio-injection: enabled") + workload + example.Pod(example.Injected("default")) + withoutWebhooks, "GX101", ".metadata.labels.istio-injection", "else none while the pods that run keep their proxies"},
		{"proxies that still run after the label is gone", example.Namespace("team: shop") + workload + example.Pod(example.Injected("default")), "GX102", "", "so new pods get no proxy; those that run keep theirs until they are made anew"},
		{"clients of proxies that still run", example.Namespace("team: shop") + workload + example.Pod(example.Injected("default")), "GX102", "", "none while the pods that run keep their proxies"},
		{"some of the pods with a proxy", example.Namespace("team: shop") + workload + example.Pod(example.Injected("default")) + otherPod(""), "GX102", "", "so new pods get no proxy; those that run with one keep it until they are made anew"},
		{"clients of some of the pods with a proxy", example.Namespace("team: shop") + workload + example.Pod(example.Injected("default")) + otherPod(""), "GX102", "", "for 1 of the 2 pods that run, and for all once they are made anew: calls through a gateway work"},
		{"pods without proxies", example.Namespace("team: shop") + workload + example.Pod(""), "GX102", "", "so they have no proxy"},
		{"proxies that still run under both labels", example.Namespace("istio-injection: disabled, istio.io/rev: default") + workload + example.Pod(example.Injected("default")), "GX103", ".metadata.labels.istio-injection", "so new pods get no proxy; those that run keep theirs until they are made anew"},
		{"clients of proxies that still run under both labels", example.Namespace("istio-injection: disabled, istio.io/rev: default") + workload + example.Pod(example.Injected("default")), "GX103", ".metadata.labels.istio-injection", "none while the pods that run keep their proxies"},
		{"proxies that still run beside an overridden revision", example.Namespace("istio-injection: disabled") + example.Workload(", istio.io/rev: default", "", "") + example.Pod(example.Injected("default")), "GX103", ".spec.template.metadata.labels['istio.io/rev']", "switches injection off: new pods get no proxy; those that run keep theirs"},
		{"proxies that still run beside an annotation", example.Namespace("team: shop") + example.Workload("", `sidecar.istio.io/inject: "true"`, "") + example.Pod(example.Injected("default")), "GX105", ".spec.template.metadata.annotations['sidecar.istio.io/inject']", "webhooks select by labels: new pods get no proxy; those that run keep theirs"},
		{"clients of proxies that still run beside an annotation", example.Namespace("team: shop") + example.Workload("", `sidecar.istio.io/inject: "true"`, "") + example.Pod(example.Injected("default")), "GX105", ".spec.template.metadata.annotations['sidecar.istio.io/inject']", "none while the pods that run keep their proxies"},
		{"proxies that still run after an opt-out", example.Namespace("istio-injection: enabled") + example.Workload(`, sidecar.istio.io/inject: "false"`, "", "") + example.Pod(example.Injected("default")), "GX108", ".spec.template.metadata.labels['sidecar.istio.io/inject']", "keeps the proxy out: new pods get no proxy; those that run keep theirs"},
		{"clients of proxies that still run after an opt-out", example.Namespace("istio-injection: enabled") + example.Workload(`, sidecar.istio.io/inject: "false"`, "", "") + example.Pod(example.Injected("default")), "GX108", ".spec.template.metadata.labels['sidecar.istio.io/inject']", "none while the pods that run keep their proxies"},
		{"proxies that still run though the template is on the host's network", example.Namespace("istio-injection: enabled") + example.Workload("", "", "hostNetwork: true") + example.Pod(example.Injected("default")), "GX109", ".spec.template.spec.hostNetwork", "puts its pods on the host's network: new pods get no proxy; those that run keep theirs"},
		{"clients of proxies that still run beside the host's network", example.Namespace("istio-injection: enabled") + example.Workload("", "", "hostNetwork: true") + example.Pod(example.Injected("default")), "GX109", ".spec.template.spec.hostNetwork", "none while the pods that run keep their proxies"},
		{"label that goes with the fix", example.Namespace("team: shop") + example.Workload(`, sidecar.istio.io/inject: "true", istio.io/rev: gone`, "", ""), "GX104", ".spec.template.metadata.labels['istio.io/rev']", "and remove the label sidecar.istio.io/inject"},
		{"port out of a proxy that is not there", example.Namespace("team: shop") + notCaptured(`"50051"`), "GX112", ".spec.template.metadata.annotations['traffic.sidecar.istio.io/excludeInboundPorts']", "once its pods have one"},
		{"port out of the proxy", example.Namespace("istio-injection: enabled") + notCaptured(`"50051"`), "GX112", ".spec.template.metadata.annotations['traffic.sidecar.istio.io/excludeInboundPorts']", "as auto mutual TLS does"},
		{"pods that the dead injector holds up", example.Namespace("istio-injection: enabled") + workload + example.Istiod(false), "GX110", ".webhooks[2].clientConfig.service", "its webhook namespace.sidecar-injector.istio.io fails closed: no new pod of Deployment shop/checkout can be made."},
		{"several workloads that the dead injector holds up", example.Namespace("istio-injection: enabled") + workload + strings.ReplaceAll(workload, "checkout", "orders") + example.Istiod(false), "GX110", ".webhooks[2].clientConfig.service", "no new pod of Deployment shop/checkout, or of 1 more workload that serves gRPC, can be made."},
		{"several webhooks of the dead injector", example.Namespace("istio-injection: enabled") + workload + "---\n" + barn + example.Istiod(false), "GX110", ".webhooks[3].clientConfig.service", "its webhooks object.sidecar-injector.istio.io and 1 more fail closed"},
		{"the only control plane is dead", example.Namespace("istio-injection: enabled") + workload + example.Istiod(false), "GX110", ".webhooks[2].clientConfig.service", "Bring the control plane behind the webhook back. Restart nothing before."},
		{"another control plane lives", example.Namespace("istio-injection: enabled") + workload + example.Istiod(false) + exampleCanary, "GX110", ".webhooks[2].clientConfig.service", "or, if revision default is gone for good, remove its webhook configuration"},
		{"no waypoint", example.Namespace(ambient) + workload, "GX113", ".metadata.labels['istio.io/dataplane-mode']", "--enroll-namespace."},
		{"namespace opts out of waypoints", example.Namespace(ambient+"istio.io/use-waypoint: none, istio.io/use-waypoint-namespace: infra") + workload, "GX113", ".metadata.labels['istio.io/use-waypoint']", "--enroll-namespace --overwrite; and remove the label istio.io/use-waypoint-namespace"},
		{"waypoint to be made", example.Namespace(ambient+"istio.io/use-waypoint: w") + workload, "GX113", ".metadata.labels['istio.io/use-waypoint']", "istioctl waypoint apply -n shop --name w."},
		{"waypoint for workloads", example.Namespace(ambient+"istio.io/use-waypoint: waypoint") + workload + waypoint("shop", ", labels: {istio.io/waypoint-for: workload}", ""), "GX113", ".metadata.labels['istio.io/use-waypoint']", "Set the label istio.io/waypoint-for=all on the waypoint shop/waypoint."},
		{"waypoint for workloads by its class", example.Namespace(ambient+"istio.io/use-waypoint: waypoint") + workload + waypoint("shop", "", "") + exampleWorkloadClass, "GX113", ".metadata.labels['istio.io/use-waypoint']", "it is a waypoint for workload traffic, not for Services, by the label istio.io/waypoint-for of its GatewayClass istio-waypoint"},
		{"waypoint that lets nobody in", example.Namespace(ambient+"istio.io/use-waypoint: waypoint, istio.io/use-waypoint-namespace: infra") + workload + waypoint("infra", "", ""), "GX113", ".metadata.labels['istio.io/use-waypoint']", "Let namespace shop in at the waypoint infra/waypoint"},
		{"waypoint of another namespace", example.Namespace(ambient) + workload + waypoint("infra", "", ", allowedRoutes: {namespaces: {from: All}}"), "GX113", ".metadata.labels['istio.io/dataplane-mode']", "istio.io/use-waypoint=waypoint and istio.io/use-waypoint-namespace=infra on Namespace shop; or make a waypoint"},
		{"the workload that is meant", example.Namespace(ambient+"istio-injection: enabled") + workload, "GX114", ".metadata.labels['istio.io/dataplane-mode']", "Deployment shop/checkout serves gRPC: Service shop/checkout leads to it"},
		{"only pods ask for ambient mode", example.Namespace("istio-injection: enabled") + example.Workload(", istio.io/dataplane-mode: ambient", "", ""), "GX114", ".metadata.labels.istio-injection", "the pod template of Deployment shop/checkout asks for ambient mode"},
	} {
		t.Run(c.name, func(t *testing.T) {
			findings, _ := runFamily(exampleMesh(t, c.text, true), c.id)
			require.Len(t, findings, 1)
			finding := findings[0]
			assert.Equal(t, c.path, finding.Path.String())
			assert.Contains(t, strings.Join(append(finding.Evidence, finding.Message, finding.Symptom, finding.Fix.Text), "\n"), c.words)
		})
	}
}

func changeTexts(changes []plan.Change) (texts []string) {
	for _, change := range changes {
		for _, edit := range change.Edits {
			what := edit.Path.String() + " = " + strings.TrimSpace(toText(edit.New))
			if change.Action == plan.Restart {
				what = "restartedAt"
			}
			texts = append(texts, string(change.Action)+" "+plan.Name(change.Object)+": "+what)
		}
	}
	return texts
}

func toText(value any) string {
	if value == nil {
		return "<nil>"
	}
	return value.(string)
}
