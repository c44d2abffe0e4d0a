package injection

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

var ambientWithoutWaypoint = &checks.Check{
	ID:     "GX113",
	Slug:   "ambient-without-waypoint",
	Levels: []checks.Level{checks.Warning},
	Title:  "Calls to an ambient gRPC Service pass through no waypoint",
	What: "A Service with an exposed gRPC port leads to pods in ambient mode, and no waypoint is in use for it or its namespace: there is no " +
		"label istio.io/use-waypoint, it says none, or it names a Gateway that does not exist, is no waypoint or does not take calls to this Service.",
	Why: "In ambient mode ztunnel forwards connections; it does not know of requests. Only a waypoint speaks HTTP/2 and picks a pod for " +
		"every call.",
	Client: "A client inside the mesh keeps its connection, and all its calls, on one pod. Calls from outside are balanced per request by " +
		"the ingress gateway.",
	Base: "ambient",
	Bad:  example.Mesh(example.Namespace("istio.io/dataplane-mode: ambient"), example.Workload("", "", "")),
	Good: example.Mesh(example.Namespace("istio.io/dataplane-mode: ambient, istio.io/use-waypoint: waypoint"), example.Workload("", "", ""), `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: waypoint
  namespace: shop
  labels: {istio.io/waypoint-for: service}
spec:
  gatewayClassName: istio-waypoint
  listeners:
  - {name: mesh, port: 15008, protocol: HBONE}
`),
	Reads:    injectionReadsAnd(mesh.KindKubernetesGateway),
	Consults: consultsBeside(injectionReadsAnd(mesh.KindKubernetesGateway)),
	Since:    "v0.1.0",
	Run:      runAmbientWithoutWaypoint,
}

func runAmbientWithoutWaypoint(p *checks.Pass) {
	reported := map[string]bool{}
	for _, port := range exposure.ExposedPorts(p.Snapshot) {
		service := port.Service
		first := slices.IndexFunc(port.Workloads, func(w *workload.Workload) bool { return proxy.IsAmbient(p.Snapshot, w.Namespace(), w.Template) })
		if first < 0 || !knowsNamespace(p, service.Namespace) || mayGetSidecar(p, port.Workloads[first]) {
			continue
		}
		use := gatewayapi.WaypointOf(p.Snapshot, service)
		if use.Gateway != nil && checks.IsRefusedByStatus(use.Gateway) {
			continue // GX806 speaks of the waypoint itself
		}
		if use.InUse() || use.Named.Name != "" && use.Gateway == nil && !p.Missing(mesh.KindKubernetesGateway, use.Named.Namespace, use.Named.Name) {
			continue
		}
		place := "Namespace " + service.Namespace
		if use.OnService {
			place = mesh.KeyOf(service).String()
		}
		if !reported[place] {
			reported[place] = true
			reportNoWaypoint(p, port, port.Workloads[first], use, place)
		}
	}
}

// mayGetSidecar reports whether the labels ask for a sidecar, and that webhooks which are not known may heed them.
func mayGetSidecar(p *checks.Pass, w *workload.Workload) bool {
	_, asks := w.Template.Labels[proxy.LabelInject]
	_, revision := w.Template.Labels[proxy.LabelRevision]
	return (asks || revision || labelledForInjection(proxy.NamespaceLabels(p.Snapshot, w.Namespace()))) && !p.Missing(mesh.KindWebhook, "", "")
}

func reportNoWaypoint(p *checks.Pass, port *exposure.ExposedPort, w *workload.Workload, use gatewayapi.WaypointUse, place string) {
	finding := checks.Finding{
		Object:  mesh.Object(namespaceObject(p, port.Service.Namespace)),
		Path:    namespaceLabelPath(gatewayapi.LabelUseWaypoint),
		Message: fmt.Sprintf("%s %s, so no proxy balances calls inside the mesh.", place, waypointFault(use)),
		Evidence: []string{
			fmt.Sprintf("the pods of %s are in ambient mode", w.Key),
			fmt.Sprintf("%s exposes gRPC with %s: %s", mesh.KeyOf(port.Service), checks.PortText(port), port.Evidence[0].Text),
		},
		Symptom: "a client inside the mesh keeps all its calls on one pod",
	}
	namespaceLabels := proxy.NamespaceLabels(p.Snapshot, port.Service.Namespace)
	_, names := namespaceLabels[gatewayapi.LabelUseWaypoint]
	_, mode := namespaceLabels[proxy.LabelDataplaneMode]
	switch {
	case use.OnService:
		finding.Object = port.Service
	case !names && mode:
		finding.Path = namespaceLabelPath(proxy.LabelDataplaneMode)
	case !names:
		finding.Path = nil
	}
	finding.Fix = fixNoWaypoint(p, port.Service, use, finding.Object)
	p.Report(finding)
}

func waypointFault(use gatewayapi.WaypointUse) string {
	switch {
	case use.OptedOut:
		return fmt.Sprintf("opts out of waypoints (%s: none)", gatewayapi.LabelUseWaypoint)
	case use.Named.Name == "":
		return "is in ambient mode and uses no waypoint"
	case use.Gateway == nil:
		return fmt.Sprintf("names the waypoint %s, which does not exist", use.Named)
	default:
		return fmt.Sprintf("names the waypoint %s, but %s", use.Named, use.Refused)
	}
}

// fixNoWaypoint names a waypoint of the Service's namespace, if there is one that takes its calls.
func fixNoWaypoint(p *checks.Pass, service *core.Service, use gatewayapi.WaypointUse, object mesh.Object) checks.Fix {
	if use.Gateway != nil && gatewayapi.WaypointPending(use.Gateway) {
		return checks.Fix{Text: fmt.Sprintf("Find out why the waypoint %s does not come up: the status of the Gateway and the events of its pods say it.", use.Named)}
	}
	if gateway := waypointAmong(p, p.KubernetesGateways().In(service.Namespace), service); gateway != nil {
		return useWaypoint(p, object, service.Namespace, gateway)
	}
	text := waypointToMake(p, service, use, object)
	if use.Gateway != nil && !gatewayapi.IsIstioIngress(p.Snapshot, use.Gateway) {
		text = waypointToChange(p, service, use)
	}
	if elsewhere := waypointAmong(p, p.KubernetesGateways().All(), service); elsewhere != nil {
		text = fmt.Sprintf("Use the waypoint %s/%s, which lets namespace %s in: set the labels %s=%s and %s=%s on %s; or %s%s",
			elsewhere.Namespace, elsewhere.Name, service.Namespace, gatewayapi.LabelUseWaypoint, elsewhere.Name,
			gatewayapi.LabelUseWaypointNamespace, elsewhere.Namespace, mesh.KeyOf(object), strings.ToLower(text[:1]), text[1:])
	}
	return checks.Fix{Text: text}
}

// useWaypoint names a waypoint of the namespace on a Service or the namespace.
func useWaypoint(p *checks.Pass, object mesh.Object, namespace string, gateway *gatewayv1.Gateway) checks.Fix {
	changes := checks.SetField(p, object, "calls to its Services then pass through the waypoint", gateway.Name, "metadata", "labels", gatewayapi.LabelUseWaypoint)
	text := fmt.Sprintf("Set the label %s=%s on %s", gatewayapi.LabelUseWaypoint, gateway.Name, mesh.KeyOf(object))
	if namesOtherNamespace(object, namespace) {
		changes = append(changes, checks.SetField(p, object, "the waypoint is beside the Service", nil, "metadata", "labels", gatewayapi.LabelUseWaypointNamespace)...)
		text += " and remove " + gatewayapi.LabelUseWaypointNamespace
	}
	_, isNamespace := object.(*core.Namespace)
	if _, read := p.Namespaces().Get("", object.GetName()); isNamespace && !read {
		return checks.Fix{Text: text + "."}
	}
	return checks.Fix{Text: text + ".", Level: checks.Ask, Changes: changes}
}

// namesOtherNamespace reports whether a label of the object has its waypoint looked for in another namespace.
func namesOtherNamespace(object mesh.Object, namespace string) bool {
	named, ok := object.GetLabels()[gatewayapi.LabelUseWaypointNamespace]
	return ok && named != namespace
}

// waypointAmong is the first of the Gateways that is a waypoint and takes calls to the Service, or nil.
func waypointAmong(p *checks.Pass, gateways []*gatewayv1.Gateway, service *core.Service) *gatewayv1.Gateway {
	for _, gateway := range gateways {
		controller, ok := gatewayapi.GatewayClassController(p.Snapshot, string(gateway.Spec.GatewayClassName))
		if ok && controller == "istio.io/mesh-controller" && gatewayapi.WaypointRefuses(p.Snapshot, gateway, service) == "" {
			return gateway
		}
	}
	return nil
}

// waypointToChange says how the waypoint that is named comes to take calls to the Service.
func waypointToChange(p *checks.Pass, service *core.Service, use gatewayapi.WaypointUse) string {
	if _, takesServices := gatewayapi.WaypointTraffic(p.Snapshot, use.Gateway); !takesServices {
		return fmt.Sprintf("Set the label %s=all on the waypoint %s.", gatewayapi.LabelWaypointFor, use.Named)
	}
	return fmt.Sprintf("Let namespace %s in at the waypoint %s: allowedRoutes.namespaces of its listener on port 15008.", service.Namespace, use.Named)
}

// waypointToMake says how to make a waypoint and to use it. A Service's own label counts before that of its namespace.
// Source: Istio's istioctl/pkg/waypoint/waypoint.go, which enrolls a namespace with a label only with --overwrite, and leaves the
// label with the waypoint's namespace as it is.
func waypointToMake(p *checks.Pass, service *core.Service, use gatewayapi.WaypointUse, object mesh.Object) string {
	apply := "istioctl waypoint apply -n " + inert.Word(service.Namespace)
	var text string
	switch {
	case use.Named.Namespace == service.Namespace && use.Gateway == nil:
		return fmt.Sprintf("Make the waypoint: %s --name %s.", apply, inert.Word(use.Named.Name))
	case use.OnService:
		text = fmt.Sprintf("Make a waypoint, %s, and set the label %s=waypoint on %s", apply, gatewayapi.LabelUseWaypoint, mesh.KeyOf(object))
	case proxy.NamespaceLabels(p.Snapshot, service.Namespace)[gatewayapi.LabelUseWaypoint] != "":
		text = fmt.Sprintf("Make a waypoint and use it: %s --enroll-namespace --overwrite", apply)
	default:
		text = fmt.Sprintf("Make a waypoint and use it: %s --enroll-namespace", apply)
	}
	if namesOtherNamespace(object, service.Namespace) {
		text += fmt.Sprintf("; and remove the label %s from %s", gatewayapi.LabelUseWaypointNamespace, mesh.KeyOf(object))
	}
	return text + "."
}
