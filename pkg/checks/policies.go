package checks

import (
	"fmt"
	"slices"
	"strconv"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// caller is a proxy that calls an exposed port: a gateway with a route to it, or a sidecar in the Service's own namespace.
type caller struct {
	mesh.Client
	// gateway is nil for a sidecar.
	gateway *mesh.GatewayWorkload
}

// String is how messages name the caller.
func (c caller) String() string {
	if c.gateway == nil {
		return "a sidecar in namespace " + c.Namespace
	}
	return gatewayText(c.gateway)
}

// gatewayText names a gateway in a message.
func gatewayText(gateway *mesh.GatewayWorkload) string {
	if gateway.Workload == nil && len(gateway.Pods) == 0 {
		return "the gateway in namespace " + gateway.Namespace
	}
	return "gateway " + gateway.Namespace + "/" + gateway.Name()
}

// callersOf are the gateways with a route to the port, and after them the sidecars beside it.
func callersOf(p *Pass, port *mesh.ExposedPort) []caller {
	var callers []caller
	for _, gateway := range p.GatewaysTo(port) {
		callers = append(callers, caller{Client: gateway.Client(), gateway: gateway})
	}
	return append(callers, caller{Client: mesh.Client{Namespace: port.Service.Namespace}})
}

// policyOf is what the DestinationRule that the caller uses says for the port, and for a subset of its host if that is named.
func policyOf(p *Pass, c caller, port *mesh.ExposedPort, subset string) mesh.TrafficPolicy {
	rule := p.DestinationRuleFor(c.Client, mesh.ServiceHost(port.Service), port.Service.Namespace)
	return p.TrafficPolicyFor(rule, port.Port.Port, subset)
}

// eachPolicy judges what every caller of every exposed port, and every subset that it calls, comes under. judge names the
// place of a fault and how to report it; each place is reported once.
func eachPolicy(p *Pass, judge func(*mesh.ExposedPort, caller, mesh.TrafficPolicy) (place string, report func())) {
	seen := map[string]bool{}
	for _, port := range p.ExposedPorts() {
		subsets := subsetsCalled(p, port)
		for _, caller := range callersOf(p, port) {
			for _, subset := range subsets {
				place, report := judge(port, caller, policyOf(p, caller, port, subset))
				if report != nil && !seen[place] {
					seen[place] = true
					report()
				}
			}
		}
	}
}

// subsetsCalled are the subsets through which gateway routes lead to the port, "" for none; never empty.
func subsetsCalled(p *Pass, port *mesh.ExposedPort) []string {
	var subsets []string
	for _, route := range p.RoutesTo(port.Service, port.Port.Port) {
		for _, destination := range p.Destinations(route.Spec, route.Holder.Namespace) {
			if destination.Service == port.Service && route.PortOf(destination) == port.Port.Port {
				subsets = append(subsets, destination.Spec.GetSubset())
			}
		}
	}
	if len(subsets) == 0 || len(p.RouteBackendsTo(port.Service, port.Port.Port)) > 0 {
		subsets = append(subsets, "")
	}
	slices.Sort(subsets)
	return slices.Compact(subsets)
}

// backend is a set of pods of one shape behind an exposed port.
type backend struct {
	namespace string
	// workload is nil where only pods are known.
	workload *mesh.Workload
	template *core.PodTemplateSpec
	// port is the one on the pods.
	port int32
	// proxied and bare say whether some of the pods have a proxy, and whether some have none.
	proxied, bare bool
	// ambient pods are ztunnel's.
	ambient bool
}

// String is how messages name the pods.
func (b backend) String() string {
	if b.workload != nil {
		return b.workload.Key.String()
	}
	return "the pods of namespace " + b.namespace
}

// enforces says that a proxy stands before the port in some of the pods, so that mesh policies are in force there.
func (b backend) enforces() bool {
	_, captured := mesh.InboundCapture(b.template.Annotations, b.port)
	return b.proxied && captured
}

// backendsOf are the pods behind an exposed port: one for each workload, and one for each pod of an owner that is not known.
// Whether they have proxies say the pods, or where none are known (in files) what a webhook would do.
func backendsOf(p *Pass, port *mesh.ExposedPort) []backend {
	var backends []backend
	for _, workload := range port.Workloads {
		number, _, ok := mesh.TargetPort(port.Port, workload.Template)
		if !ok {
			continue
		}
		found := backend{
			namespace: workload.Namespace(), workload: workload, template: workload.Template, port: number,
			ambient: p.IsAmbient(workload.Namespace(), workload.Template),
		}
		pods := p.PodsOf(workload)
		for _, pod := range pods {
			found.addPod(pod)
		}
		if len(pods) == 0 {
			found.proxied = p.InjectionOf(workload).Injected
			found.bare = !found.proxied
		}
		backends = append(backends, found)
	}
	for _, pod := range p.PodsSelected(port.Service.Namespace, port.Service.Spec.Selector) {
		template := &core.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: pod.Labels, Annotations: pod.Annotations}, Spec: pod.Spec}
		if number, _, ok := mesh.TargetPort(port.Port, template); ok && p.OwnerOf(pod) == nil {
			found := backend{namespace: pod.Namespace, template: template, port: number, ambient: p.IsAmbient(pod.Namespace, template)}
			found.addPod(pod)
			backends = append(backends, found)
		}
	}
	return backends
}

func (b *backend) addPod(pod *core.Pod) {
	if _, proxied := mesh.ProxyOf(pod); proxied {
		b.proxied = true
	} else {
		b.bare = true
	}
}

// removeFields is the change that removes fields, and every field above one that would be left empty: istiod's webhook refuses
// empty policies. What is above the spec stays.
func removeFields(object mesh.Object, reason string, paths ...[]string) []plan.Change {
	return updateOf(object, reason, func(form *unstructured.Unstructured) []plan.Edit {
		var edits []plan.Edit
		for _, path := range paths {
			work, err := plan.Change{Action: plan.Update, Object: form, Edits: edits}.After()
			if err != nil {
				return edits
			}
			edits = append(edits, plan.Set(work, nil, withEmptiedParents(work.Object, path)...))
		}
		return edits
	})
}

// withEmptiedParents is the path of the highest field that holds nothing but the one at the path. The entries of
// portLevelSettings hold nothing when only their port is left.
func withEmptiedParents(object map[string]any, path []string) []string {
	for len(path) > 2 {
		parent, _ := plan.Path(path[:len(path)-1]).Get(object)
		switch typed := parent.(type) {
		case map[string]any:
			others := len(typed) - 1
			if _, ok := typed["port"]; ok && path[len(path)-1] != "port" && isEntryOf(path, "portLevelSettings") {
				others--
			}
			if others > 0 {
				return path
			}
		case []any:
			if len(typed) > 1 {
				return path
			}
		default:
			return path
		}
		path = path[:len(path)-1]
	}
	return path
}

// isEntryOf says that the path is that of a field of an entry of the list.
func isEntryOf(path []string, list string) bool {
	return len(path) > 3 && path[len(path)-3] == list
}

// placePath is where a part of a traffic policy stands, as findings name fields.
func placePath(place mesh.PolicyPlace, fields ...string) string {
	return plan.Path(append(slices.Clone(place.Steps), fields...)).String()
}

// fieldPath is plan.Path's text for steps of which some are places in lists.
func fieldPath(steps ...any) string {
	texts := make(plan.Path, 0, len(steps))
	for _, step := range steps {
		if place, isPlace := step.(int); isPlace {
			texts = append(texts, strconv.Itoa(place))
		} else {
			texts = append(texts, fmt.Sprint(step))
		}
	}
	return texts.String()
}

// policyReads are the kinds on which a check of policies of these kinds rests.
func policyReads(decisive ...mesh.Kind) []mesh.Kind { return slices.Concat(decisive, exposureReads) }

// policyConsults are the kinds that say besides whom a port is called by and what its pods are, given those that decide.
func policyConsults(decisive ...mesh.Kind) []mesh.Kind {
	consulted := slices.Concat(exposureConsults, []mesh.Kind{mesh.KindWebhook, mesh.KindDestinationRule, mesh.KindPeerAuthentication})
	return slices.DeleteFunc(consulted, func(kind mesh.Kind) bool { return slices.Contains(decisive, kind) })
}

// The example that most of these checks document themselves with: a gRPC server in an injected namespace behind a gateway.
const exampleShopServer = `apiVersion: v1
kind: Namespace
metadata:
  name: shop
  labels: {istio-injection: enabled}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec:
      containers:
      - name: orders
        image: registry.example.com/shop/orders:1.0
        ports: [{name: grpc, containerPort: 50051}]
        readinessProbe: {grpc: {port: 50051}}
---
apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec:
  selector: {app: orders}
  ports: [{name: grpc, port: 8000, targetPort: 50051}]
---
`

// exampleShopRoute leads from the gateway to the server.
const exampleShopRoute = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: orders, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8000, name: grpc, protocol: GRPC}
    hosts: [orders.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec:
  hosts: [orders.example.com]
  gateways: [orders]
  http:
  - route:
    - destination: {host: orders, port: {number: 8000}}
---
`
