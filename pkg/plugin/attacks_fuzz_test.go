package plugin

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/fakeapi"
)

// FuzzAttack plants what the input says into the attacker's namespace, and holds of a command what TestAttacks holds. Its seeds
// run with every go test.
func FuzzAttack(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		seed := make([]byte, 80)
		for i := range seed {
			seed[i] = byte(random.Uint32())
		}
		f.Add(seed)
	}
	commands := attackedCommands()
	var peaceful sync.Map
	f.Fuzz(func(t *testing.T, input []byte) {
		choices := &choices{input}
		command := one(choices, commands...)
		var objects []*unstructured.Unstructured
		for i := range 1 + choices.below(6) {
			objects = append(objects, choices.object(i))
		}
		objects = distinct(objects)
		known, ok := peaceful.Load(command.name)
		if !ok {
			known = runOn(t, fakeapi.New(t, worldObjects(t, command.world)...), command.arguments...)
			peaceful.Store(command.name, known)
		}
		server := fakeapi.New(t, planted(worldObjects(t, command.world), objects)...)
		result := runOn(t, server, command.arguments...)
		require.False(t, result.hangs, "it hangs: Ctrl-C does not end it either")
		assertHeld(t, command, known.(outcome), result)
		if t.Failed() {
			for _, object := range objects {
				object.SetManagedFields(nil)
				text, _ := json.Marshal(object)
				t.Logf("%s: planted: %s", command.name, text)
			}
		}
	})
}

// choices takes decisions from bytes; when they are used up it takes the first of each.
type choices struct{ left []byte }

func (c *choices) below(count int) int {
	if len(c.left) == 0 {
		return 0
	}
	taken := int(c.left[0])
	c.left = c.left[1:]
	return taken % count
}

func one[T any](c *choices, of ...T) T { return of[c.below(len(of))] }

type fields = map[string]any

func list(items ...any) []any { return items }

// object is one that the attacker may write.
func (c *choices) object(index int) *unstructured.Unstructured {
	makers := []func(*choices) (apiVersion, kind string, rest fields){
		gatewayBy, virtualServiceBy, serviceBy, workloadBy, namespaceBy, kubernetesGatewayBy, grpcRouteBy, grantBy, destinationRuleBy, serviceEntryBy, policyBy,
	}
	apiVersion, kind, rest := one(c, makers...)(c)
	name := one(c, fmt.Sprint("o", index), "server", "payments", "internal-gw", "istio-ingressgateway", "ledger")
	metadata := fields{"name": name, "namespace": attacker, "creationTimestamp": one(c, "2023-01-01T00:00:00Z", "2024-06-01T00:00:00Z")}
	if kind == "Namespace" {
		metadata = fields{"name": attacker}
	}
	labels, annotations := c.marks()
	if labelled, ok := rest["labels"].(fields); ok {
		delete(rest, "labels")
		for name, value := range labelled {
			labels[name] = value
		}
	}
	metadata["labels"], metadata["annotations"] = labels, annotations
	rest["apiVersion"], rest["kind"], rest["metadata"] = apiVersion, kind, metadata
	return fakeapi.Stored(&unstructured.Unstructured{Object: normal(rest)})
}

// normal has the types of decoded JSON.
func normal(object fields) fields {
	text, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	decoded := &unstructured.Unstructured{}
	if err := decoded.UnmarshalJSON(text); err != nil {
		panic(err)
	}
	return decoded.Object
}

func distinct(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	for _, object := range objects {
		all = planted(all, []*unstructured.Unstructured{object})
	}
	return all
}

// marks are create's own, forged.
func (c *choices) marks() (labels, annotations fields) {
	labels, annotations = fields{}, fields{}
	if c.below(2) == 1 {
		labels["app.kubernetes.io/managed-by"] = "kubectl-grpcexpose"
	}
	if c.below(2) == 1 {
		annotations["grpcexpose/for"] = one(c, "Deployment/test/server", "Deployment/test/server,Deployment/evil/x", "Namespace/test/test", "Deployment//server", "\u202e\x1b[2J")
	}
	if c.below(2) == 1 {
		annotations["grpcexpose/undo"] = c.undo()
	}
	if c.below(8) == 1 {
		annotations["grpcexpose/ignore"] = one(c, "GX*", "GX3: \x1b[2J\n::error::x", "all")
	}
	return labels, annotations
}

func (c *choices) undo() string {
	if c.below(4) == 3 {
		return one(c, "x", "null", "{}", "[[]]", `[{"path":5}]`, `[{"path":[],"for":["Deployment/test/server"]}]`)
	}
	path := one(c,
		list("spec", "ports", "port=8000,protocol=TCP", "name"), list("spec", "ports", "port=8000,protocol=TCP"), list("spec", "selector"),
		list("metadata", "labels", "istio-injection"), list("metadata", "labels", "pod-security.kubernetes.io/enforce"),
		list("spec", "template", "spec", "serviceAccountName"), list("spec", "template", "metadata", "labels", "sidecar.istio.io/inject"),
		list("spec", "hosts"), list("spec"), list("metadata", "name"), list("metadata", "ownerReferences"), list(""), list(),
	)
	values := list(nil, "http", "\x1b[2J", 5, true, fields{"a": "b"}, list("x"), 1e300)
	entry := fields{"path": path, "old": one(c, values...), "new": one(c, values...), "for": list("Deployment/test/server")}
	text, err := json.Marshal(list(entry))
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (c *choices) host() any {
	return one(c, "*", "server.example.com", "x.example.com", "*.example.com", "bank.example.com", "reports.example.com",
		"server.test.svc.cluster.local", "ledger.bank.svc.cluster.local", "payments.bank.svc.cluster.local", "payments", "\x1b[2J$(touch pwn)\n::error::x")
}

func (c *choices) port() any { return one(c, 8000, 80, 443, 9000, 5432, 50051, 0, 70000) }

func (c *choices) selector() any {
	return one(c, fields{"istio": "ingressgateway"}, fields{"app": "istio-ingressgateway"}, fields{"app": "server"}, fields{"app": "ledger"}, fields{})
}

func gatewayBy(c *choices) (apiVersion, kind string, rest fields) {
	server := fields{
		"port":  fields{"number": c.port(), "name": "s", "protocol": one(c, "GRPC", "HTTP", "HTTP2", "HTTPS", "TLS", "TCP", "\x1b[2J")},
		"hosts": list(one(c, c.host(), "test/*", "./*", "*/*", "bank/bank.example.com")),
	}
	if c.below(2) == 1 {
		server["tls"] = fields{"mode": one(c, "SIMPLE", "MUTUAL", "PASSTHROUGH", "ISTIO_MUTUAL"), "credentialName": one(c, "cert", "garbage", "$(touch pwn)\x1b[2J")}
	}
	return "networking.istio.io/v1", "Gateway", fields{"spec": fields{"selector": c.selector(), "servers": list(server)}}
}

func virtualServiceBy(c *choices) (apiVersion, kind string, rest fields) {
	rule := fields{"route": list(fields{"destination": fields{"host": c.host(), "port": fields{"number": c.port()}}})}
	if c.below(2) == 1 {
		rule["match"] = list(fields{"uri": fields{one(c, "prefix", "exact", "regex"): one(c, "/a.B/", "/a.B/C", "/", ".*")}})
	}
	if c.below(4) == 1 {
		rule["mirror"] = fields{"host": "sink.evil.svc.cluster.local"}
	}
	if c.below(6) == 1 {
		rule = fields{"delegate": fields{"name": "orders", "namespace": "shop"}}
	}
	gateway := one(c, "server", "o0", "o1", "test/server", "bank/gw", "shop/shop", "mesh", "internal-gw", "istio-system/x")
	return "networking.istio.io/v1", "VirtualService", fields{"spec": fields{
		"hosts": list(c.host()), "gateways": list(gateway), "exportTo": list(one(c, "*", ".", "test")), "http": list(rule),
	}}
}

func serviceBy(c *choices) (apiVersion, kind string, rest fields) {
	number := one(c, 8000, 80, 443, 9000, 5432)
	port := fields{"name": one(c, "grpc", "http", "tcp", "x"), "port": number, "protocol": "TCP", "targetPort": one(c, any(50051), any("grpc"), any(8000))}
	if c.below(3) == 1 {
		port["appProtocol"] = one(c, "grpc", "kubernetes.io/h2c", "\x1b[2J")
	}
	kindOf := one(c, "ClusterIP", "LoadBalancer", "NodePort")
	return "v1", "Service", fields{"spec": fields{"type": kindOf, "clusterIP": "10.0.1.1", "selector": c.selector(), "ports": list(port)}}
}

func workloadBy(c *choices) (apiVersion, kind string, rest fields) {
	labels := one(c, fields{"istio": "ingressgateway", "app": "istio-ingressgateway"}, fields{"app": "server"}, fields{"app": "istiod", "istio.io/rev": "other"}, fields{"app": "x"})
	container := fields{
		"name": one(c, "istio-proxy", "c", "discovery"), "image": one(c, "proxyv2:1.26.4", "x:\x1b[2J"),
		"env": list(fields{"name": "SERVER", "value": one(c, "ledger.bank:5432", "server.test.svc.cluster.local:8000")}),
	}
	return "apps/v1", one(c, "Deployment", "StatefulSet", "DaemonSet"), fields{
		"labels": labels,
		"spec": fields{
			"replicas": 1, "selector": fields{"matchLabels": labels},
			"template": fields{"metadata": fields{"labels": labels}, "spec": fields{"containers": list(container)}},
		},
		"status": fields{"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1},
	}
}

func namespaceBy(c *choices) (apiVersion, kind string, rest fields) {
	return "v1", "Namespace", fields{"labels": one(c, fields{}, fields{"istio-injection": "enabled"}, fields{"istio-injection": "x", "istio.io/rev": "y"}, fields{"istio.io/dataplane-mode": "ambient"})}
}

func kubernetesGatewayBy(c *choices) (apiVersion, kind string, rest fields) {
	listener := fields{"name": "l", "port": c.port(), "protocol": one(c, "HTTP", "HTTPS", "TLS"), "allowedRoutes": fields{"namespaces": fields{"from": one(c, "All", "Same")}}}
	if c.below(2) == 1 {
		listener["tls"] = fields{"mode": "Terminate", "certificateRefs": list(fields{"name": "bank-tls", "namespace": "bank"})}
	}
	return "gateway.networking.k8s.io/v1", "Gateway", fields{"spec": fields{"gatewayClassName": one(c, "istio", "istio-waypoint", "none"), "listeners": list(listener)}}
}

func grpcRouteBy(c *choices) (apiVersion, kind string, rest fields) {
	parent := one(c, fields{"name": "o0"}, fields{"name": "server", "namespace": "test"}, fields{"group": "", "kind": "Service", "name": "ledger", "namespace": "bank"})
	backend := one(c, fields{"name": "ledger", "namespace": "bank", "port": 5432}, fields{"name": "server", "namespace": "test", "port": 8000}, fields{"name": "payments", "namespace": "bank", "port": 1})
	rule := fields{"backendRefs": list(backend)}
	return "gateway.networking.k8s.io/v1", one(c, "GRPCRoute", "HTTPRoute"), fields{"spec": fields{"parentRefs": list(parent), "rules": list(rule)}}
}

func grantBy(c *choices) (apiVersion, kind string, rest fields) {
	from := fields{"group": "gateway.networking.k8s.io", "kind": one(c, "GRPCRoute", "Gateway"), "namespace": one(c, attacker, "test", "bank")}
	return "gateway.networking.k8s.io/v1beta1", "ReferenceGrant", fields{"spec": fields{"from": list(from), "to": list(fields{"group": "", "kind": one(c, "Service", "Secret")})}}
}

func destinationRuleBy(c *choices) (apiVersion, kind string, rest fields) {
	policy := fields{"tls": fields{"mode": one(c, "DISABLE", "SIMPLE", "ISTIO_MUTUAL")}, "loadBalancer": fields{"simple": one(c, "PASSTHROUGH", "ROUND_ROBIN")}}
	return "networking.istio.io/v1", "DestinationRule", fields{"spec": fields{"host": c.host(), "trafficPolicy": policy, "exportTo": list(one(c, "*", "."))}}
}

func serviceEntryBy(c *choices) (apiVersion, kind string, rest fields) {
	port := fields{"number": one(c, 8000, 80, 443), "name": "p", "protocol": one(c, "GRPC", "TCP", "HTTP")}
	return "networking.istio.io/v1", "ServiceEntry", fields{"spec": fields{
		"hosts": list(c.host()), "ports": list(port), "resolution": one(c, "DNS", "STATIC", "NONE"), "endpoints": list(fields{"address": "10.9.9.9"}),
	}}
}

func policyBy(c *choices) (apiVersion, kind string, rest fields) {
	if c.below(2) == 1 {
		return "security.istio.io/v1", "PeerAuthentication", fields{"spec": fields{"selector": fields{"matchLabels": c.selector()}, "mtls": fields{"mode": one(c, "STRICT", "DISABLE")}}}
	}
	return "security.istio.io/v1", "AuthorizationPolicy", fields{"spec": fields{
		"selector": fields{"matchLabels": c.selector()}, "action": one(c, "DENY", "ALLOW"),
		"rules": list(fields{"to": list(fields{"operation": fields{"paths": list(one(c, "/*", "/a.B/*", "\x1b[2J"))}})}),
	}}
}
