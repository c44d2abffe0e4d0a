package lint

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
)

// edgeGateway is a second gateway, in a namespace of its own, which the examples' Gateway selects too.
const edgeGateway = `apiVersion: apps/v1
kind: Deployment
metadata: {name: edge-gateway, namespace: edge}
spec:
  replicas: 1
  selector: {matchLabels: {app: edge}}
  template:
    metadata: {labels: {app: edge, istio: edge}}
    spec:
      containers: [{name: istio-proxy, image: "docker.io/istio/proxyv2:1.26.4", args: [proxy, router]}]
---
`

func wordsRule(namespace, name, host, more string) string {
	return `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ` + name + `, namespace: ` + namespace + `}
spec: {host: "` + host + `"` + more + `}
---
`
}

const (
	wordsSubset   = ", subsets: [{name: v1, labels: {app: orders}}]"
	wordsToSubset = "  - route: [{destination: {host: orders, subset: v1, port: {number: 8000}}}]\n"
	wordsToOrders = "route: [{destination: {host: orders, port: {number: 8000}}}]\n"
	wordsToCarts  = "route: [{destination: {host: carts, port: {number: 8000}}}]\n"
)

// wordsCase is a mesh and what its findings of a check must say, and must not.
type wordsCase struct {
	name, id, text string
	words, not     []string
}

// TestWords looks at what findings say besides that something is wrong: the cause, what clients see and the next step.
func TestWords(t *testing.T) {
	for _, c := range slices.Concat(wordsOfRoutes(), wordsOfServices(), wordsOfPolicies()) {
		t.Run(c.id+" "+c.name, func(t *testing.T) {
			findings, _ := runFamily(exampleMesh(t, c.text, true), c.id)
			require.NotEmpty(t, findings)
			var said string
			for _, finding := range findings {
				said += strings.Join(append(finding.Evidence, finding.Message, finding.Symptom, finding.Fix.Text, ""), "\n")
			}
			for _, words := range c.words {
				assert.Contains(t, said, words)
			}
			for _, words := range c.not {
				assert.NotContains(t, said, words)
			}
		})
	}
}

func wordsOfRoutes() []wordsCase {
	routed := example.RoutedServer + example.RoutingGateway
	carts, _, _ := strings.Cut(example.TwoRoutes("", ""), "apiVersion: networking")
	forMesh := func(rules string) string {
		return strings.NewReplacer("gateways: [public]", "gateways: [mesh]", "name: orders, namespace", "name: orders-mesh, namespace",
			"hosts: [orders.example.com]", "hosts: [orders]").Replace(example.RouteWith(rules)) + "---\n"
	}
	return []wordsCase{
		{
			"rule of the gateway's namespace", "GX505",
			example.RoutedServer + edgeGateway + strings.Replace(example.RoutingGateway, "istio: ingressgateway", "istio: edge", 1) +
				wordsRule("edge", "team", "orders.shop.svc.cluster.local", "") + wordsRule("shop", "orders", "orders", wordsSubset) + example.RouteWith(wordsToSubset),
			[]string{"Add the subset to DestinationRule edge/team"},
			[]string{"in the Service's namespace"},
		},
		{
			"wildcard of the gateway's namespace", "GX505",
			example.RoutedServer + edgeGateway + strings.Replace(example.RoutingGateway, "istio: ingressgateway", "istio: edge", 1) +
				wordsRule("edge", "team", "*.local", "") + example.RouteWith(wordsToSubset),
			[]string{"for the host in namespace edge, where DestinationRule edge/team is for host *.local"},
			nil,
		},
		{
			"specific rule hides a wildcard", "GX505",
			routed + wordsRule("shop", "all", "*.shop.svc.cluster.local", wordsSubset) + wordsRule("shop", "orders", "orders", `, exportTo: [".", other]`) + example.RouteWith(wordsToSubset),
			[]string{"DestinationRule shop/all defines it, but DestinationRule shop/orders, for host orders.shop.svc.cluster.local, comes before it, and is not exported to namespace istio-system"},
			nil,
		},
		{
			"several subsets", "GX505",
			routed + wordsRule("shop", "orders", "orders", ", subsets: [{name: a}, {name: b}]") + example.RouteWith(wordsToSubset),
			[]string{"DestinationRule shop/orders defines the subsets a, b", "Add the subset to DestinationRule shop/orders"},
			nil,
		},
		{
			"no rule at all", "GX505", routed + example.RouteWith(wordsToSubset),
			[]string{"no DestinationRule for host orders.shop.svc.cluster.local defines subset v1", "in the Service's namespace"},
			nil,
		},
		{"rule for the mesh", "GX505", routed + forMesh(wordsToSubset), []string{"the callers' proxies do not have"}, []string{"gateway"}},
		{
			"number for the mesh", "GX504", routed + forMesh("  - route: [{destination: {host: orders, port: {number: 1}}}]\n"),
			[]string{"the callers' proxies do not have"},
			[]string{"gateway"},
		},
		{
			"match in a VirtualService for the mesh", "GX501", routed + forMesh("  - match: [{gateways: [gone]}]\n    "+wordsToOrders+"  - "+wordsToOrders),
			[]string{"the callers' proxies have no route", "Take the gateways out of the match"},
			[]string{"the gateway has no route"},
		},
		{
			"plaintext server beside", "GX506",
			example.RoutedServer + strings.Replace(example.RoutingGateway, "hosts: [orders.example.com]",
				"hosts: [carts.example.com]\n  - port: {number: 80, name: tcp, protocol: TCP}\n    hosts: ['*']", 1) + example.RouteWith("  - "+wordsToOrders),
			[]string{"Add orders.example.com to the hosts of server 1 of Gateway shop/public", "answers 404"},
			[]string{"nothing listens"},
		},
		{
			"TCP server of others", "GX506",
			example.RoutedServer + strings.Replace(example.RoutingGateway, "protocol: GRPC", "protocol: TCP", 1) + example.RouteWith("  - "+wordsToOrders) + "---\n" +
				strings.NewReplacer("http:", "tcp:", "name: orders, namespace", "name: raw, namespace", "host: orders,", "host: raw,").Replace(example.RouteWith("  - "+wordsToOrders)),
			[]string{"go where the routes of VirtualService shop/raw lead", "Add a server"},
			[]string{"nothing listens", "Give the server"},
		},
		{
			"canary behind the default", "GX508",
			routed + carts + example.RouteWith("  - "+wordsToOrders+"  - match: [{headers: {x-canary: {exact: \"1\"}}}]\n    "+wordsToOrders),
			[]string{"http rule 1 of VirtualService shop/orders takes every call", "is for calls with header x-canary exact 1", "no error: the calls go by http rule 1", "narrower match first"},
			[]string{"UNIMPLEMENTED"},
		},
		{
			"two equal matches", "GX508",
			routed + carts + example.RouteWith("  - match: [{uri: {exact: /shop.v1.Orders/Get}}]\n    "+wordsToOrders+"  - match: [{uri: {exact: /shop.v1.Orders/Get}}]\n    "+wordsToCarts),
			[]string{"Remove one of the two rules", "takes calls with uri exact /shop.v1.Orders/Get"},
			[]string{"narrower", "UNIMPLEMENTED"},
		},
		{
			"another server behind the default", "GX508",
			routed + carts + example.RouteWith("  - "+wordsToOrders+"  - match: [{uri: {prefix: /shop.v1.Carts/}}]\n    "+wordsToCarts),
			[]string{"UNIMPLEMENTED where the server of the rule ahead does not know the method"},
			nil,
		},
		{
			"two take the calls", "GX507",
			routed + carts + twoOlder + strings.NewReplacer("name: orders, namespace: shop", `name: carts, namespace: shop, creationTimestamp: "2026-03-05T10:00:00Z"`).
				Replace(example.RouteWith("  - match: [{uri: {prefix: /shop.v1.A/}}]\n    "+wordsToCarts+"  - match: [{uri: {prefix: /shop.v1.B/}}]\n    "+wordsToCarts)),
			[]string{"VirtualService shop/a and VirtualService shop/b take all calls", "which takes calls with uri regex /shop\\.v1\\.A.*,", "which takes calls with uri prefix /shop.v1.B,"},
			nil,
		},
		{
			"abort", "GX515", routed + example.RouteWith("  - fault: {abort: {httpStatus: 500, percentage: {value: 10}}}\n    "+wordsToOrders),
			[]string{"no code for status 500", "the rule leads to port 8000 (grpc) of Service shop/orders", "grpcStatus"},
			[]string{"redirect"},
		},
	}
}

// twoOlder are two VirtualServices of orders' host, for one gRPC service each.
const twoOlder = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: shop, creationTimestamp: "2026-01-05T10:00:00Z"}
spec:
  hosts: [orders.example.com]
  gateways: [public]
  http: [{match: [{uri: {regex: '/shop\.v1\.A.*'}}], route: [{destination: {host: orders, port: {number: 8000}}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: b, namespace: shop, creationTimestamp: "2026-02-05T10:00:00Z"}
spec:
  hosts: [orders.example.com]
  gateways: [public]
  http: [{match: [{uri: {prefix: /shop.v1.B}}], route: [{destination: {host: orders, port: {number: 8000}}}]}]
---
`

func wordsOfServices() []wordsCase {
	service := func(name, more, ports string) string {
		return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", namespace: demo" + more + "}\nspec:\n  selector: {app: greeter}\n  ports: [" + ports + "]\n"
	}
	born := func(day string) string { return `, creationTimestamp: "2026-01-` + day + `T00:00:00Z"` }
	web, grpc := "{name: grpc-web, port: 8080, targetPort: 50051}", "{name: grpc, port: 8000, targetPort: 50051}"
	external := func(name string) string {
		return example.GreeterNamespace + "---\napiVersion: v1\nkind: Service\nmetadata: {name: greeter, namespace: demo}\nspec:\n  type: ExternalName\n" +
			"  externalName: " + name + "\n  ports: [{name: grpc, port: 8000}]\n" + example.GreeterRoute
	}
	worker := strings.Replace(example.GreeterWorker, "ports: [{name: metrics, containerPort: 9090}]", "ports: [{name: grpc, containerPort: 50052}]", 1)
	daemons := strings.Replace(strings.Replace(example.GreeterWorkload, "kind: Deployment", "kind: DaemonSet", 1), "  replicas: 2\n", "", 1)
	return []wordsCase{
		{
			"GX301 TLS of the pods' own", "GX301",
			example.GreeterWorkload + service("greeter", "", "{name: https-grpc, port: 8000, targetPort: 50051}") + "---\n" +
				wordsRule("demo", "greeter", "greeter", ", trafficPolicy: {tls: {mode: SIMPLE}}") + strings.TrimPrefix(example.GreeterRoute, "---\n"),
			[]string{"h2UpgradePolicy: UPGRADE beside tls (mode SIMPLE) in DestinationRule demo/greeter"},
			[]string{"Set name"},
		},
		{
			"the pods left out serve another port", "GX304",
			example.GreeterWorkload + worker + "---\n" + service("greeter", "", grpc+", {name: metrics, port: 9090, targetPort: 9090}, {name: grpc-b, port: 8001, targetPort: 50052}"),
			[]string{"a Service of its own, whose selector only the pods of Deployment demo/greeter match"},
			[]string{"Add a label"},
		},
		{
			"none of these pods", "GX304", example.GreeterWorkload + strings.Replace(example.GreeterWorker, "replicas: 1", "replicas: 0", 1) + example.GreeterService,
			[]string{"none as long as there are none of these pods"},
			nil,
		},
		{
			"name in the cluster's DNS", "GX306", external("real.back.svc") + realService,
			[]string{"Let the route lead to real.back.svc.cluster.local itself, the full host of Service back/real."},
			[]string{"ServiceEntry with"},
		},
		{"dot at the end", "GX306", external("rates.example.net."), []string{"Add a ServiceEntry with host rates.example.net and"}, nil},
		{
			"dot at the end of a Service's host", "GX306", external("real.back.svc.cluster.local.") + realService,
			[]string{"Let the route lead to real.back.svc.cluster.local itself"},
			nil,
		},
		{
			"DaemonSet without node", "GX202", daemons + "status: {observedGeneration: 1, desiredNumberScheduled: 0}\n" + example.GreeterService,
			[]string{"no node that it is to run on", "nodeSelector, affinity and tolerations"},
			[]string{"not ready", "0 of"},
		},
		{
			"name without a dash", "GX301", example.GreeterWorkload + "---\n" + service("greeter", "", "{name: h2c, port: 8000, targetPort: 50051}"),
			[]string{`its name, "h2c", is no protocol's`},
			[]string{"dash"},
		},
		{
			"all workloads without the port", "GX201", example.GreeterWorkload + example.GreeterWorker + "---\n" + service("greeter", "", "{name: grpc, port: 8000, targetPort: api}"),
			[]string{"No container of Deployment demo/greeter or Deployment demo/greeter-worker declares", "the gRPC server of Deployment demo/greeter and Deployment demo/greeter-worker listens"},
			nil,
		},
		{
			"manifests without age", "GX307", example.GreeterWorkload + "---\n" + service("a", "", grpc) + "---\n" + service("b", "", web),
			[]string{"Service a, which decides if it is the older, says GRPC", "the younger of the two Services"},
			[]string{"the older Service"},
		},
		{
			"one age", "GX307", example.GreeterWorkload + "---\n" + service("a", born("05"), grpc) + "---\n" + service("b", born("05"), web),
			[]string{"Service a of the same age, which decides by its name", "by way of Service b are"},
			nil,
		},
		{
			"older and younger", "GX307", example.GreeterWorkload + "---\n" + service("a", born("06"), grpc) + "---\n" + service("b", born("05"), web),
			[]string{"the older Service b, which decides, says GRPC-Web"},
			nil,
		},
	}
}

// realService is the Service that an external name stands for.
const realService = `---
apiVersion: v1
kind: Service
metadata: {name: real, namespace: back}
spec:
  selector: {app: real}
  ports: [{name: grpc, port: 8000, targetPort: 50051}]
`

func wordsOfPolicies() []wordsCase {
	sidecar := func(hosts string) string {
		return "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: default, namespace: web}\nspec:\n  egress:\n  - hosts: " + hosts + "\n---\n"
	}
	policy := func(action, rule string) string {
		return "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: orders, namespace: shop}\nspec:\n  action: " + action + "\n  rules:\n  - " + rule + "\n---\n"
	}
	hash := func(host, subset string) string {
		return example.ShopServer + strings.Replace(example.ShopRoute, "{host: orders,", "{host: orders, subset: v1,", 1) +
			wordsRule("shop", "orders", "orders", ", trafficPolicy: {"+host+"}, subsets: [{name: v1, trafficPolicy: {"+subset+"}}]")
	}
	const sourceIP = "loadBalancer: {consistentHash: {useSourceIp: true}}"
	shop, web := example.ShopServer, example.ShopCaller
	_, caller, _ := strings.Cut(example.ShopCaller, "---\n")
	also := func(name string) string { return strings.ReplaceAll(caller, "frontend", name) }
	return []wordsCase{
		{
			"exclusion", "GX705", shop + web + sidecar(`["*/*", "~shop/*"]`),
			[]string{`Take "~shop/*" out of the egress hosts`, `"~shop/*" among the egress hosts shuts the Service out`},
			[]string{"of an egress listener"},
		},
		{"nothing at all", "GX705", shop + web + sidecar(`["~/*"]`), []string{`Take "~/*" out`}, nil},
		{
			"exclusion of another Service", "GX705", shop + web + sidecar(`["./*", "~*/other.shop.svc.cluster.local"]`),
			[]string{`Add "shop/orders.shop.svc.cluster.local"`},
			[]string{"~"},
		},
		{
			"two callers", "GX705", shop + web + also("admin") + sidecar(`["./*"]`),
			[]string{"which Deployment web/admin and Deployment web/frontend call", "Deployment web/admin names orders"},
			nil,
		},
		{
			"five callers", "GX705", shop + web + also("a") + also("b") + also("c") + also("d") + sidecar(`["./*"]`),
			[]string{"which Deployment web/a, Deployment web/b, Deployment web/c and 2 more call."},
			nil,
		},
		{
			"DENY without path", "GX703", example.ShopTCPServer + example.ShopRoute + policy("DENY", `from: [{source: {notRequestPrincipals: ["*"]}}]`),
			[]string{"its DENY rule then matches without that"},
			[]string{"path"},
		},
		{
			"DENY of the gateway's namespace", "GX701", shop + example.ShopRoute + policy("DENY", `from: [{source: {namespaces: [other]}}, {source: {namespaces: ["istio-*"]}}]`),
			[]string{"rules[0].from[1].source.namespaces is [istio-*]: the calls match"},
			[]string{"other"},
		},
		{
			"DENY of all but others", "GX701", shop + example.ShopRoute + policy("DENY", `from: [{source: {notNamespaces: [other]}}]`),
			[]string{"rules[0].from[0].source.notNamespaces is [other]: the calls are none of them"},
			nil,
		},
		{"DENY of everything", "GX701", shop + example.ShopRoute + policy("DENY", "{}"), []string{"rules[0] has no conditions"}, nil},
		{"the host's balancer", "GX603", hash("loadBalancer: {simple: ROUND_ROBIN}", sourceIP), []string{"balanced by ROUND_ROBIN"}, []string{"fewest"}},
		{"the host's hash by header", "GX603", hash("loadBalancer: {consistentHash: {httpHeaderName: x}}", sourceIP), []string{"by the consistentHash"}, []string{"fewest"}},
		{"the host's PASSTHROUGH", "GX603", hash("loadBalancer: {simple: PASSTHROUGH}", sourceIP), []string{"Set loadBalancer: {simple: LEAST_REQUEST}"}, []string{"Remove"}},
		{
			"port of a subset", "GX603", hash("loadBalancer: {simple: RANDOM}", "portLevelSettings: [{port: {number: 8000}, "+sourceIP+"}]"),
			[]string{"balanced by RANDOM"},
			[]string{"fewest"},
		},
		{
			"other settings of the port", "GX603",
			hash("loadBalancer: {simple: RANDOM}", "portLevelSettings: [{port: {number: 8000}, connectionPool: {tcp: {maxConnections: 1000}}, "+sourceIP+"}]"),
			[]string{"fewest calls in progress"},
			[]string{"RANDOM"},
		},
	}
}
