package lint

import (
	"fmt"
	"slices"
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

// The victims: a namespace whose own objects show no gRPC, with what somebody else's objects could make of it.
const (
	victimNamespace = `
apiVersion: v1
kind: Namespace
metadata: {name: bank}
---
apiVersion: v1
kind: Namespace
metadata: {name: evil}
`
	victimLedger = `
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ledger, namespace: bank}
spec:
  replicas: 2
  selector: {matchLabels: {app: ledger}}
  template: {metadata: {labels: {app: ledger}}, spec: {containers: [{name: c, image: i, ports: [{containerPort: 5432, name: pg}]}]}}
status: {replicas: 2, readyReplicas: 2}
---
apiVersion: v1
kind: Pod
metadata: {name: ledger-1-1, namespace: bank, labels: {app: ledger, pod-template-hash: "1"}}
---
apiVersion: v1
kind: Service
metadata: {name: ledger, namespace: bank}
spec: {selector: {app: ledger}, ports: [{name: tcp-pg, port: 5432, targetPort: 5432}, {name: web, port: 80, targetPort: 5432}]}
`
	victimInjected = "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: bank, labels: {istio-injection: enabled}}\n"
	victimLost     = "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: bank, labels: {istio.io/rev: gone}}\n"
	victimRoute    = `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: payments, namespace: bank}
spec:
  hosts: [bank.example.com]
  gateways: [internal-gw]
  http: [{match: [{uri: {prefix: /bank.Payments/}}], route: [{destination: {host: payments, port: {number: 8000}}}]}]
`
	victimGateway = `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: bank}
spec:
  selector: {istio: edge}
  servers: [{port: {number: 31999, name: grpc, protocol: GRPC}, hosts: ["bank.example.com"]}]
`
)

// The attackers: what the owner of namespace evil may write.
var attackers = map[string]string{
	"VirtualService by a Gateway of its own": evilGateway + `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v, namespace: evil}
spec:
  hosts: [x.example.com]
  gateways: [g]
  http: [{match: [{uri: {prefix: /a.B/}}], route: [{destination: {host: ledger.bank.svc.cluster.local, port: {number: 5432}}}]}]
`,
	"server of protocol GRPC": evilGateway + evilRoute("gateways: [g]", ""),
	"mesh only":               evilRoute("gateways: [mesh]", "match: [{uri: {prefix: /a.B/}}], "),
	"hosts of others":         evilRoute("gateways: [mesh]", "match: [{uri: {exact: /a.B/C}}], ", "ledger.bank.svc.cluster.local"),
	"not exported":            evilGateway + evilRoute("exportTo: [.], gateways: [g]", "match: [{uri: {prefix: /a.B/}}], "),
	"delegate": evilGateway + `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root, namespace: evil}
spec: {hosts: [x.example.com], gateways: [g], http: [{match: [{uri: {prefix: /a.B/}}], delegate: {name: d}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: d, namespace: evil}
spec: {http: [{route: [{destination: {host: ledger.bank.svc.cluster.local, port: {number: 5432}}}]}]}
`,
	"GRPCRoute without grant": evilAPIGateway + evilGRPCRoute,
	"GRPCRoute with grant": evilAPIGateway + evilGRPCRoute + `
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: grant, namespace: bank}
spec: {from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: evil}], to: [{group: "", kind: Service}]}
`,
	"GRPCRoute without parent": evilGRPCRoute,
	"GRPCRoute by host name": evilAPIGateway + strings.Replace(evilGRPCRoute, "{name: ledger, namespace: bank, port: 5432}",
		"{group: networking.istio.io, kind: Hostname, name: ledger.bank.svc.cluster.local, port: 5432}", 1),
	"Service of the same name":  "\n---\napiVersion: v1\nkind: Service\nmetadata: {name: payments, namespace: evil}\nspec: {selector: {app: sink}, ports: [{name: grpc, port: 8000}]}\n",
	"Gateway of the same name":  strings.Replace(evilGateway, "name: g,", "name: internal-gw,", 1),
	"Gateway with a proxy too":  strings.Replace(evilGateway, "name: g,", "name: internal-gw,", 1) + evilProxy,
	"fake gateway":              evilProxy,
	"DestinationRule of others": "\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d, namespace: evil}\nspec: {host: ledger.bank.svc.cluster.local, trafficPolicy: {tls: {mode: DISABLE}, connectionPool: {http: {maxRequestsPerConnection: 1}}}}\n",
	"ServiceEntry of others": `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: s, namespace: evil}
spec: {hosts: [ledger.bank.svc.cluster.local, payments.bank.svc.cluster.local], ports: [{number: 8000, name: grpc, protocol: GRPC}], resolution: DNS, endpoints: [{address: 10.9.9.9}]}
`,
	"mesh config": "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: evil}\ndata: {mesh: \"rootNamespace: evil\"}\n" + evilGateway + evilRoute("gateways: [g]", ""),
}

const (
	evilGateway = `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: evil}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: ["*"]}]
`
	evilProxy = `
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: aaa, namespace: evil}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  template: {metadata: {labels: {istio: ingressgateway, app: edge}}, spec: {containers: [{name: istio-proxy, image: i, args: [proxy, router]}]}}
---
apiVersion: v1
kind: Service
metadata: {name: aaa, namespace: evil}
spec: {type: LoadBalancer, selector: {istio: ingressgateway}, ports: [{name: grpc, port: 8000, nodePort: 31999}]}
`
	evilAPIGateway = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: istio}
spec: {controllerName: istio.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g, namespace: evil}
spec: {gatewayClassName: istio, listeners: [{name: l, port: 80, protocol: HTTP}]}
`
	evilGRPCRoute = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: r, namespace: evil}
spec:
  parentRefs: [{name: g}]
  rules: [{backendRefs: [{name: ledger, namespace: bank, port: 5432}]}]
`
)

func evilRoute(fields, match string, hosts ...string) string {
	return fmt.Sprintf(`
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v, namespace: evil}
spec: {hosts: [%s], %s, http: [{%sroute: [{destination: {host: ledger.bank.svc.cluster.local, port: {number: 5432}}}]}]}
`, strings.Join(append(hosts, "x.example.com"), ", "), fields, match)
}

// TestNobodySpeaksForAnotherNamespace holds for each pair of victim and attacker that no fix is safe that changes something outside
// of the attacker's namespace, and that one that is asked for says on whose word it is.
func TestNobodySpeaksForAnotherNamespace(t *testing.T) {
	victims := map[string]string{
		"plain": victimLedger, "injected": victimLedger + victimInjected, "lost revision": victimLedger + victimLost, "route": victimRoute, "gateway": victimGateway,
	}
	for _, base := range []string{"default", "none"} {
		for victim, of := range victims {
			for attacker, by := range attackers {
				t.Run(base+"/"+victim+"/"+attacker, func(t *testing.T) {
					objects := slices.Concat(casetest.Base(t, base), casetest.Decode(t, "victim", []byte(victimNamespace+of)))
					alone := safeOutside(Run(mesh.New(objects, mesh.Options{Now: casetest.Now}), Options{}).Findings, "evil")
					report := Run(mesh.New(slices.Concat(objects, casetest.Decode(t, "evil", []byte(by))), mesh.Options{Now: casetest.Now}), Options{})
					assertNoNewChange(t, alone, safeOutside(report.Findings, "evil"))
					for _, finding := range report.Findings {
						leadsAway := strings.Contains(fmt.Sprint(finding.Fix.Changes), "evil")
						if slices.Contains(namespacesOf(finding.Fix.Changes), "bank") && leadsAway {
							assert.Contains(t, finding.Fix.Text, "evil/", "%s %s", finding.ID, mesh.KeyOf(finding.Object))
						}
					}
				})
			}
		}
	}
}

// TestFixesSayOnWhoseWord holds for the victim that shows no gRPC by itself.
func TestFixesSayOnWhoseWord(t *testing.T) {
	for attacker, want := range map[string]string{
		"VirtualService by a Gateway of its own": "This changes namespace bank on the word of Gateway evil/g and VirtualService evil/v.",
		"server of protocol GRPC":                "This changes namespace bank on the word of Gateway evil/g and VirtualService evil/v.",
		"delegate":                               "This changes namespace bank on the word of Gateway evil/g, VirtualService evil/root and VirtualService evil/d.",
		"GRPCRoute with grant":                   "This changes namespace bank on the word of GRPCRoute evil/r.",
		"GRPCRoute by host name":                 "This changes namespace bank on the word of GRPCRoute evil/r.",
		"mesh only":                              "", "hosts of others": "", "not exported": "", "GRPCRoute without grant": "", "GRPCRoute without parent": "",
	} {
		objects := slices.Concat(casetest.Base(t, "default"), casetest.Decode(t, attacker, []byte(victimNamespace+victimLedger+attackers[attacker])))
		fixes := map[string]checks.Fix{}
		for _, finding := range Run(mesh.New(objects, mesh.Options{Now: casetest.Now}), Options{}).Findings {
			if finding.Object.GetNamespace() == "bank" {
				fixes[finding.ID] = finding.Fix
			}
		}
		if want == "" {
			assert.Empty(t, fixes, "%s is no evidence of gRPC", attacker)
			continue
		}
		for _, id := range []string{"GX102", "GX301"} {
			require.Contains(t, fixes, id, attacker)
			assert.Equal(t, checks.Ask, fixes[id].Level, "%s %s", attacker, id)
			assert.True(t, strings.HasSuffix(fixes[id].Text, want), "%s %s: %s", attacker, id, fixes[id].Text)
		}
	}
}

// TestNothingPlantedIsSafe plants routes, Gateways, grants and DestinationRules of namespace evil for every Service of every case: no
// safe change outside of evil is new.
func TestNothingPlantedIsSafe(t *testing.T) {
	for _, c := range casetest.All(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			snapshot := c.Snapshot(t, nil)
			alone := safeOutside(Run(snapshot, Options{}).Findings, "evil")
			text := evilGateway + evilProxy + evilAPIGateway
			for i, service := range snapshot.Services().All() {
				for _, port := range service.Spec.Ports {
					text += planted(fmt.Sprintf("p%d-%d", i, port.Port), service.Namespace, service.Name, port.Port)
				}
			}
			hostile := mesh.New(slices.Concat(casetest.Base(t, c.Base), c.Objects, casetest.Decode(t, "evil", []byte(text))), mesh.Options{Now: casetest.Now})
			assertNoNewChange(t, alone, safeOutside(Run(hostile, Options{}).Findings, "evil"))
		})
	}
}

// planted are objects of namespace evil for a port of somebody else's Service.
func planted(name, namespace, service string, port int32) string {
	return strings.NewReplacer("NAMESPACE", namespace, "NAME", name, "SERVICE", service, "PORT", fmt.Sprint(port)).Replace(`
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME, namespace: evil}
spec:
  hosts: [NAME.example.com, SERVICE.NAMESPACE.svc.cluster.local]
  gateways: [g, mesh]
  http: [{match: [{uri: {prefix: /a.B/}}], route: [{destination: {host: SERVICE.NAMESPACE.svc.cluster.local, port: {number: PORT}}}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: NAME, namespace: evil}
spec:
  parentRefs: [{name: g}]
  rules: [{backendRefs: [{name: SERVICE, namespace: NAMESPACE, port: PORT}, {group: networking.istio.io, kind: Hostname, name: SERVICE.NAMESPACE.svc.cluster.local, port: PORT}]}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: NAME, namespace: evil}
spec: {host: SERVICE.NAMESPACE.svc.cluster.local, trafficPolicy: {tls: {mode: DISABLE}}}
---
apiVersion: v1
kind: Service
metadata: {name: SERVICE, namespace: evil}
spec: {selector: {app: sink}, ports: [{name: grpc, port: PORT}]}
`)
}

// safeOutside are the changes of safe fixes outside of a namespace.
func safeOutside(findings []checks.Finding, namespace string) (changes []plan.Change) {
	for _, finding := range findings {
		for _, change := range finding.Fix.Changes {
			if finding.Fix.Level == checks.Safe && checks.NamespaceOf(change) != namespace {
				changes = append(changes, change)
			}
		}
	}
	return changes
}

func assertNoNewChange(t *testing.T, known, changes []plan.Change) {
	t.Helper()
	for _, change := range changes {
		isKnown := slices.ContainsFunc(known, func(other plan.Change) bool { return plan.SameChange(change, other) })
		assert.True(t, isKnown, "safe only since evil is there: %s %s: %v (%s)", change.Action, plan.Name(change.Object), change.Edits, change.Reason)
	}
}

// TestFixesNeverOverrideAnOptOut holds that a namespace with istio-injection=disabled gets words from all checks of injection.
func TestFixesNeverOverrideAnOptOut(t *testing.T) {
	const disabled = "istio-injection: disabled"
	found := map[string]bool{}
	for name, text := range map[string]string{
		"plain":            example.Mesh(example.Namespace(disabled), example.Workload("", "", "")),
		"both labels":      example.Mesh(example.Namespace(disabled+", istio.io/rev: default"), example.Workload("", "", "")),
		"unknown revision": example.Mesh(example.Namespace(disabled+", istio.io/rev: gone"), example.Workload("", "", "")),
		"template's word":  example.Mesh(example.Namespace(disabled), example.Workload(", istio.io/rev: default", "", "")),
		"annotation":       example.Mesh(example.Namespace(disabled), example.Workload("", `sidecar.istio.io/inject: "true"`, "")),
		"opt-out twice":    example.Mesh(example.Namespace(disabled), example.Workload(`, sidecar.istio.io/inject: "false"`, "", "")),
		"ambient":          example.Mesh(example.Namespace(disabled+", istio.io/dataplane-mode: ambient"), example.Workload(`, istio.io/dataplane-mode: none`, "", "")),
	} {
		for _, base := range []string{"default", "tcm"} {
			objects := slices.Concat(casetest.Base(t, base), casetest.Decode(t, name, []byte(text)))
			for _, finding := range Run(mesh.New(objects, mesh.Options{Now: casetest.Now}), Options{}).Findings {
				if strings.HasPrefix(finding.ID, "GX1") {
					found[finding.ID] = true
					assert.Equal(t, checks.Words, finding.Fix.Level, "%s on %s: %s: %s", name, base, finding.ID, finding.Fix.Text)
				}
			}
		}
	}
	assert.True(t, found["GX102"] && found["GX103"], "%v", found)
}
