package gatewayapi

import (
	"fmt"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var parentNotFound = &checks.Check{
	ID:     "GX801",
	Slug:   "parent-not-found",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A route's parent Gateway or listener does not exist",
	What: "A `parentRef` of a GRPCRoute (or of an HTTPRoute to an exposed port) names a Gateway that does not exist, or a `sectionName` or " +
		"`port` that none of its listeners has; or a Gateway of Istio's own API, which takes no such routes. The same for a ListenerSet, and, of " +
		"a route for callers in the mesh, for a Service or ServiceEntry.",
	Why:    "A parentRef without `namespace` means the route's own namespace. A route whose parent is not found is attached to nothing.",
	Client: "UNIMPLEMENTED (the gateway answers 404), or UNAVAILABLE where there is no listener.",
	Bad: example.ShopServer + example.ShopAPIGateway + `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: edge, sectionName: grpcs}]
  rules:
  - backendRefs: [{name: orders, port: 8000}]
`,
	Good: example.ShopServer + example.ShopAPIGateway + `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: edge, sectionName: grpc}]
  rules:
  - backendRefs: [{name: orders, port: 8000}]
`,
	Reads:    append(append([]mesh.Kind{}, apiRouteReads...), mesh.KindService),
	Consults: append(checks.WithoutKinds(apiRouteConsults, mesh.KindService), mesh.KindServiceEntry),
	Since:    "v0.1.0",
	Run:      runParentNotFound,
}

func runParentNotFound(p *checks.Pass) {
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		of := p.APIRouteRelevance(route)
		if !p.LostInScope(of) {
			continue
		}
		for _, parent := range routeParents(p, route) {
			finding := checks.Finding{Object: route.Object, Level: p.LevelFor(of, checks.Error), Symptom: routeNotServed}
			switch {
			case gatewayapi.IsListenerSetParent(parent.Reference) && parent.Set == nil:
				if !p.Missing(mesh.KindListenerSet, parent.Namespace, parent.Name) {
					continue
				}
				finding.Path = parentField(parent, "name")
				finding.Message = fmt.Sprintf("The parent ListenerSet %s/%s does not exist.", parent.Namespace, parent.Name)
				finding.Fix.Text = "Name an existing ListenerSet, with its namespace where that is not the route's own, or a Gateway."
			case parent.Set == nil && parent.Gateway == nil && p.Missing(mesh.KindKubernetesGateway, parent.Namespace, parent.Name):
				finding.Path = parentField(parent, "name")
				finding.Message = fmt.Sprintf("The parent Gateway %s/%s does not exist.", parent.Namespace, parent.Name)
				finding.Evidence = gatewaysNamed(p, parent)
				finding.Fix.Text = "Name an existing Gateway, with its namespace where that is not the route's own."
			case ownerOf(parent) != nil && len(parent.Listeners) == 0:
				finding.Path, finding.Message = listenerNotFound(parent)
				finding.Evidence = []string{"its listeners are " + strings.Join(listenerNames(parent), ", ")}
				finding.Fix.Text = fmt.Sprintf("Name one of the listeners of %s, or leave sectionName and port out.", ownerText(ownerOf(parent)))
			default:
				continue
			}
			finding.Symptom += besideOtherParents(p, route, parent.Reference)
			p.Report(finding)
		}
		for i, reference := range route.Parents {
			judgeMeshParent(p, route, i, p.LevelFor(of, checks.Error))
			if gatewayapi.IsIstioGatewayParent(reference) {
				p.Report(gatewayOfIstio(p, route, i, p.LevelFor(of, checks.Error)))
			}
		}
	}
}

// meshRouteIdle is what callers see of a route for the mesh whose parent is not there.
const meshRouteIdle = "none by itself: callers in the mesh reach the Service without the route, so its matches, weights and filters do nothing"

// judgeMeshParent reports a reference of a route for callers in the mesh to a Service, or ServiceEntry, that is not there, or to a port
// that it does not have.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (referenceAllowed, augmentPortMatch).
func judgeMeshParent(p *checks.Pass, route *gatewayapi.APIRoute, index int, level checks.Level) {
	reference := route.Parents[index]
	kind, ok := gatewayapi.MeshParentKind(reference)
	switch isService := reference.Kind != nil && *reference.Kind == "Service"; {
	case isService && !ok && (reference.Group == nil || *reference.Group == gatewayv1.GroupName):
		p.Report(checks.Finding{
			Object: route.Object, Level: level, Path: plan.PathOf("spec", "parentRefs", index, "group"),
			Message: fmt.Sprintf("The parent %s of kind Service has no group \"\": it is taken for one of group %s, which has no such kind.",
				reference.Name, gatewayv1.GroupName),
			Symptom: meshRouteIdle, Fix: checks.Fix{Text: "Write group: \"\" beside kind: Service."},
		})
		return
	case !ok:
		return
	}
	namespace := route.Key.Namespace
	if reference.Namespace != nil {
		namespace = string(*reference.Namespace)
	}
	name := string(reference.Name)
	finding := checks.Finding{
		Object: route.Object, Level: level, Path: plan.PathOf("spec", "parentRefs", index, "name"), Symptom: meshRouteIdle,
		Fix: checks.Fix{Text: fmt.Sprintf("Name an existing %s, with its namespace where that is not the route's own.", kind)},
	}
	service, isService := p.Services().Get(namespace, name)
	_, isEntry := p.ServiceEntries().Get(namespace, name)
	switch {
	case kind == mesh.KindService && !isService, kind == mesh.KindServiceEntry && !isEntry:
		if !p.Missing(kind, namespace, name) {
			return
		}
		finding.Message = fmt.Sprintf("The parent %s %s/%s does not exist.", kind, namespace, name)
	case kind == mesh.KindService && reference.Port != nil && !checks.HasPort(service, *reference.Port):
		finding.Path = plan.PathOf("spec", "parentRefs", index, "port")
		finding.Message = fmt.Sprintf("The parent Service %s/%s has no port %d.", namespace, name, *reference.Port)
		finding.Evidence = portsEvidence(service, *reference.Port)
		finding.Fix.Text = "Name a port of the Service, or leave port out for all of them."
	default:
		return
	}
	p.Report(finding)
}

// besideOtherParents says which calls fail where other parents take the route.
func besideOtherParents(p *checks.Pass, route *gatewayapi.APIRoute, lost gatewayv1.ParentReference) string {
	for _, parent := range routeParents(p, route) {
		if parent.Attached() && !gatewayapi.SameParent(parent.Reference, lost, route.Key.Namespace) {
			return fmt.Sprintf("; calls through %s are served", takerText(parent))
		}
	}
	return ""
}

// takerText names what of a parent takes the route: the Gateway, or where the reference is to some of its listeners or not all take the
// route, the first that does.
func takerText(parent gatewayapi.RouteParent) string {
	var takers []*gatewayv1.Listener
	for _, match := range parent.Listeners {
		if match.Attachment == gatewayapi.Attached {
			takers = append(takers, match.Listener)
		}
	}
	if parent.Reference.SectionName != nil || parent.Reference.Port != nil || len(takers) < len(parent.Listeners) {
		return listenerText(ownerOf(parent), takers[0])
	}
	return ownerText(ownerOf(parent))
}

// gatewayOfIstio is the finding for a reference to a Gateway of Istio's own API.
func gatewayOfIstio(p *checks.Pass, route *gatewayapi.APIRoute, index int, level checks.Level) checks.Finding {
	reference := route.Parents[index]
	named := gatewayapi.RouteParent{Name: string(reference.Name)}
	return checks.Finding{
		Object: route.Object, Level: level, Path: plan.PathOf("spec", "parentRefs", index, "group"),
		Message: fmt.Sprintf("The parent %s is a Gateway of group networking.istio.io: a %s attaches to Gateways of gateway.networking.k8s.io only.",
			reference.Name, route.Key.Kind),
		Evidence: gatewaysNamed(p, named),
		Symptom:  routeNotServed + besideOtherParents(p, route, reference),
		Fix: checks.Fix{Text: "Name a Gateway of gateway.networking.k8s.io, and leave the group out; to a Gateway of networking.istio.io calls are " +
			"routed by a VirtualService."},
	}
}

// gatewaysNamed hints at Gateways with the name in other namespaces.
func gatewaysNamed(p *checks.Pass, parent gatewayapi.RouteParent) []string {
	var hints []string
	for _, gateway := range p.KubernetesGateways().All() {
		if gateway.Name == parent.Name {
			hints = append(hints, fmt.Sprintf("there is a Gateway %s of gateway.networking.k8s.io in namespace %s", gateway.Name, gateway.Namespace))
		}
	}
	return hints
}

func listenerNotFound(parent gatewayapi.RouteParent) (path plan.Path, message string) {
	owner := ownerText(ownerOf(parent))
	section, port := parent.Reference.SectionName, parent.Reference.Port
	switch {
	case section != nil && *section != "" && port != nil:
		return parentField(parent, "sectionName"), fmt.Sprintf("%s has no listener %q on port %d.", owner, *section, *port)
	case section != nil && *section != "":
		return parentField(parent, "sectionName"), fmt.Sprintf("%s has no listener %q.", owner, *section)
	case port != nil:
		return parentField(parent, "port"), fmt.Sprintf("%s has no listener on port %d.", owner, *port)
	}
	return parentField(parent, "name"), owner + " has no listeners."
}

func listenerNames(parent gatewayapi.RouteParent) []string {
	names := []string{}
	if parent.Set != nil {
		for _, listener := range parent.Set.Listeners {
			names = append(names, fmt.Sprintf("%s (port %d)", listener.Name, listener.Port))
		}
		return names
	}
	for _, listener := range parent.Gateway.Spec.Listeners {
		names = append(names, fmt.Sprintf("%s (port %d)", listener.Name, listener.Port))
	}
	return names
}
