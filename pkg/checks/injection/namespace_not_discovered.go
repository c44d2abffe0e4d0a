package injection

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var namespaceNotDiscovered = &checks.Check{
	ID:     "GX111",
	Slug:   "namespace-not-discovered",
	Levels: []checks.Level{checks.Error},
	Title:  "The mesh does not look at a namespace on the way",
	What: "The mesh config has discoverySelectors, and none of them matches the namespace of a workload that serves gRPC, or that of the " +
		"gateway, the Gateway or the route that leads to it.",
	Why: "istiod ignores everything in namespaces that its discoverySelectors leave out: Services, endpoints, Gateways and VirtualServices. " +
		"Their pods may be injected all the same, since the webhooks do not know of it.",
	Client: "The gateway has no route (UNIMPLEMENTED) or no endpoint (UNAVAILABLE) for the call.",
	Bad:    example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", ""), example.Discovery),
	Good: example.Mesh(example.Namespace(`istio-injection: enabled, istio-discovery: enabled`), example.Workload("", "", ""),
		example.Discovery),
	Reads:    injectionReadsAnd(mesh.KindConfigMap),
	Consults: consultsBeside(injectionReadsAnd(mesh.KindConfigMap)),
	Since:    "v0.1.0",
	Run:      runNamespaceNotDiscovered,
}

// undiscovered is a namespace that no control plane looks at, and the exposed ports that need it.
type undiscovered struct {
	role  string
	ports []*exposure.ExposedPort
}

func runNamespaceNotDiscovered(p *checks.Pass) {
	found := map[string]*undiscovered{}
	add := func(namespace, role string, port *exposure.ExposedPort) {
		if len(proxy.Undiscovered(p.Snapshot, namespace)) == 0 {
			return
		}
		if found[namespace] == nil {
			found[namespace] = &undiscovered{role: role}
		}
		found[namespace].ports = append(found[namespace].ports, port)
	}
	for _, port := range exposure.ExposedPorts(p.Snapshot) {
		if port.Routed || slices.ContainsFunc(port.Workloads, func(w *workload.Workload) bool { return isInMesh(p, w) }) {
			add(port.Service.Namespace, "serves gRPC", port)
		}
		to := mesh.KeyOf(port.Service).String()
		for _, gateway := range exposure.GatewaysTo(p.Snapshot, port) {
			add(gateway.Namespace, "has the gateway that leads to "+to, port)
		}
		for _, object := range routeObjectsTo(p, port) {
			kind, _ := mesh.KindOfObject(object)
			add(object.GetNamespace(), fmt.Sprintf("has %s %s, which leads to %s", kind, object.GetName(), to), port)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if knowsNamespace(p, name) {
			reportUndiscovered(p, name, found[name])
		}
	}
}

// isInMesh reports whether somebody wants the workload to be part of the mesh: its pods have a proxy, or are in ambient mode.
func isInMesh(p *checks.Pass, w *workload.Workload) bool {
	return checks.GetsProxy(p, w) || proxy.AsksForAmbient(p.Snapshot, w.Namespace(), w.Template)
}

// routeObjectsTo are the Gateways and routes that lead to a port: where istiod does not look at one, it leads nowhere.
func routeObjectsTo(p *checks.Pass, port *exposure.ExposedPort) []mesh.Object {
	var objects []mesh.Object
	for _, route := range gateway.RoutesTo(p.Snapshot, port.Service, port.Port.Port) {
		if route.Server != nil {
			objects = append(objects, route.Server.Gateway)
		}
		objects = append(objects, route.VirtualService, route.Holder)
	}
	for _, backend := range gatewayapi.RouteBackendsTo(p.Snapshot, port.Service, port.Port.Port) {
		for _, gateway := range backend.Gateways {
			objects = append(objects, gateway)
		}
		objects = append(objects, backend.Route)
	}
	return objects
}

func reportUndiscovered(p *checks.Pass, name string, namespace *undiscovered) {
	config := proxy.Undiscovered(p.Snapshot, name)[0]
	port := namespace.ports[0]
	selectors := fmt.Sprintf("none of the %d discoverySelectors of %s matches", len(config.GetDiscoverySelectors()), mesh.KeyOf(config.ConfigMap))
	if len(config.GetDiscoverySelectors()) == 1 {
		selectors = fmt.Sprintf("the discoverySelector of %s does not match", mesh.KeyOf(config.ConfigMap))
	}
	p.Report(checks.Finding{
		Object:  namespaceObject(p, name),
		Level:   checks.ErrorUnlessWeak(namespace.ports...),
		Path:    plan.PathOf("metadata", "labels"),
		Message: fmt.Sprintf("Namespace %s %s, but the discoverySelectors of the mesh config leave it out.", name, namespace.role),
		Evidence: []string{
			selectors + " the labels of the namespace",
			fmt.Sprintf("%s exposes gRPC with %s: %s", mesh.KeyOf(port.Service), checks.PortText(port), port.Evidence[0].Text),
		},
		Symptom: "UNIMPLEMENTED (no route) or UNAVAILABLE (no endpoint)",
		Fix:     fixUndiscovered(p, name, config),
	})
}

// fixUndiscovered sets the labels that a selector asks for. Where one of them is there with another value, somebody else may go by
// that, and it is left to the user.
func fixUndiscovered(p *checks.Pass, name string, config *proxy.MeshConfig) checks.Fix {
	widen := checks.Fix{Text: fmt.Sprintf("Give namespace %s the labels that the discoverySelectors of the mesh config ask for, or widen them.", name)}
	present := proxy.NamespaceLabels(p.Snapshot, name)
	labels, ok := config.DiscoveryLabels(present)
	if !ok {
		return widen
	}
	var edits []proxy.InjectionLabel
	var texts []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		value, there := present[key]
		if there && value == labels[key] {
			continue
		}
		if there {
			return checks.Fix{Text: fmt.Sprintf("Widen the discoverySelectors of the mesh config, or set the label %s=%s on namespace %s, if nothing goes by its present value %s.",
				key, labels[key], name, value)}
		}
		edits = append(edits, proxy.InjectionLabel{Key: key, Value: labels[key]})
		texts = append(texts, edits[len(edits)-1].String())
	}
	changes := checks.NamespaceLabels(p, name, "the control plane looks only at namespaces with this label", edits...)
	if changes == nil {
		return widen
	}
	noun := "label"
	if len(texts) > 1 {
		noun = "labels"
	}
	return checks.Fix{Text: fmt.Sprintf("Set the %s %s on namespace %s.", noun, strings.Join(texts, " and "), name), Level: checks.Ask, Changes: changes}
}
