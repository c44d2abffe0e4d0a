package injection

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

var inboundPortNotCaptured = &checks.Check{
	ID:     "GX112",
	Slug:   "inbound-port-not-captured",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "Calls to a gRPC port by-pass the proxy of its pods",
	What: "An annotation of the pod template keeps the port on which the server listens out of the proxy: excludeInboundPorts lists it, or " +
		"includeInboundPorts is a list without it. It is an error where a gateway leads to the port and speaks mutual TLS to it.",
	Why: "A pod with a proxy is known to the mesh as one that takes mutual TLS, so gateways and proxies speak it to all its ports, unless a " +
		"policy says otherwise. On a port that the proxy does not take, the TLS handshake lands in the server, which expects plaintext.",
	Client: "UNAVAILABLE through a gateway or from another pod with a proxy; plain clients get through, without the policies of the " +
		"pods' proxy.",
	Bad: example.Mesh(example.Namespace("istio-injection: enabled"),
		example.Workload("", `traffic.sidecar.istio.io/excludeInboundPorts: "9090,50051"`, "")),
	Good: example.Mesh(example.Namespace("istio-injection: enabled"),
		example.Workload("", `traffic.sidecar.istio.io/excludeInboundPorts: "9090"`, "")),
	Reads:    checks.ExposureReads,
	Consults: consultsBeside(checks.ExposureReads, mesh.KindWebhook, mesh.KindPeerAuthentication, mesh.KindDestinationRule, mesh.KindEndpointSlice),
	Since:    "v0.1.0",
	Run:      runInboundPortNotCaptured,
}

func runInboundPortNotCaptured(p *checks.Pass) {
	for _, w := range exposedWorkloads(p) {
		if proxy.IsAmbient(p.Snapshot, w.Namespace(), w.Template) || w.Template.Spec.HostNetwork {
			continue
		}
		level, annotation := checks.Warning, ""
		worst := bypassedByPlaintext
		var keptOut []int32
		var evidence []string
		for _, port := range w.Ports {
			number, _, ok := workload.TargetPort(port.Port, w.Template)
			by, captured := proxy.InboundCapture(w.Template.Annotations, number)
			if !ok || captured || slices.Contains(keptOut, number) {
				continue
			}
			keptOut, annotation = append(keptOut, number), by
			evidence = append(evidence, checks.EvidenceOf(port)...)
			how := bypassOf(p, w, port, number)
			worst = max(worst, how)
			if how == failsThroughGateway && !port.Weak() {
				level = checks.Error
			}
		}
		if len(keptOut) > 0 {
			reportNotCaptured(p, w, level, worst, annotation, keptOut, evidence)
		}
	}
}

// bypass is what calls meet on a port that the proxy does not take; the greater of two counts.
type bypass int

const (
	// bypassedByPlaintext: nobody speaks mutual TLS to the port.
	bypassedByPlaintext bypass = iota
	// nothingToBypass: the pods have no proxy.
	nothingToBypass
	// failsInMesh: callers with a proxy speak mutual TLS to it.
	failsInMesh
	// failsThroughGateway: so does a gateway that leads to it.
	failsThroughGateway
)

func bypassOf(p *checks.Pass, w exposedWorkload, port *exposure.ExposedPort, number int32) bypass {
	switch {
	case !checks.GetsProxy(p, w.Workload):
		return nothingToBypass
	case policy.MutualTLSMode(p.Snapshot, w.Namespace(), w.Template.Labels, number) == policy.MutualTLSDisable:
		return bypassedByPlaintext
	case port.Routed && gatewaySpeaksTLS(p, port):
		return failsThroughGateway
	case proxy.DefaultMeshConfig(p.Snapshot).GetEnableAutoMtls().GetValue():
		return failsInMesh
	default:
		return bypassedByPlaintext
	}
}

// gatewaySpeaksTLS reports whether one of the gateways that lead to the port uses TLS to it: by the rule that it has for the Service,
// or where that says nothing because the pods have a proxy (auto mTLS).
func gatewaySpeaksTLS(p *checks.Pass, port *exposure.ExposedPort) bool {
	service := port.Service
	host := host.ResolveHost(service.Name, service.Namespace)
	gateways := exposure.GatewaysTo(p.Snapshot, port)
	return len(gateways) == 0 || slices.ContainsFunc(gateways, func(gateway *proxy.GatewayWorkload) bool {
		rule := policy.DestinationRuleFor(p.Snapshot, gateway.Client(), host, service.Namespace)
		tls := policy.TrafficPolicyFor(p.Snapshot, rule, port.Port.Port, "").TLS
		if tls == nil {
			return proxy.DefaultMeshConfig(p.Snapshot).GetEnableAutoMtls().GetValue()
		}
		return tls.GetMode() != networkingapi.ClientTLSSettings_DISABLE
	})
}

func reportNotCaptured(p *checks.Pass, w exposedWorkload, level checks.Level, how bypass, annotation string, ports []int32, evidence []string) {
	path := templateAnnotationPath(annotation)
	value := w.Template.Annotations[annotation]
	does := "lists it"
	if annotation == proxy.AnnotationIncludeInboundPorts {
		does = "does not list it"
	}
	message, symptom := "Calls to port %d of %s by-pass the proxy: the annotation %s %s.", ""
	switch how {
	case failsThroughGateway:
		symptom = "UNAVAILABLE: the gateway's mutual TLS hits the plaintext server"
	case failsInMesh:
		symptom = "UNAVAILABLE for callers with a proxy that speaks mutual TLS to the port, as auto mutual TLS does: it hits the plaintext server; plaintext calls get through"
	case nothingToBypass:
		message = "Calls to port %d of %s will by-pass the proxy once its pods have one: the annotation %s %s."
		symptom = "none today, for the pods have no proxy; once they have, UNAVAILABLE for callers that speak mutual TLS to it"
	case bypassedByPlaintext:
		symptom = "none as long as nobody speaks mutual TLS to the port; the policies and the telemetry of the pods' proxy do not hold for these calls"
	}
	p.Report(checks.Finding{
		Object: w.Object, Level: level, Path: path,
		Message:  fmt.Sprintf(message, ports[0], w.Key, annotation, does),
		Evidence: append([]string{fmt.Sprintf("%s: %q", annotation, value)}, evidence...),
		Symptom:  symptom,
		Fix:      fixCapture(p, w, annotation, value, ports),
	})
}

func fixCapture(p *checks.Pass, w exposedWorkload, annotation, value string, ports []int32) checks.Fix {
	fix := checks.Fix{Text: fmt.Sprintf("Take port %d out of the annotation %s.", ports[0], annotation), Level: checks.Words}
	var kept []string
	for _, part := range strings.Split(value, ",") {
		number, err := strconv.ParseInt(strings.TrimSpace(part), 10, 32)
		excluded := err == nil && slices.Contains(ports, int32(number)) && annotation == proxy.AnnotationExcludeInboundPorts
		if part = strings.TrimSpace(part); part != "" && !excluded {
			kept = append(kept, part)
		}
	}
	if annotation == proxy.AnnotationIncludeInboundPorts {
		fix.Text = fmt.Sprintf("Add port %d to the annotation %s.", ports[0], annotation)
		for _, port := range ports {
			kept = append(kept, strconv.Itoa(int(port)))
		}
	}
	if proxy.BlockedBy(p.Snapshot, proxy.InjectionOf(p.Snapshot, w.Workload)) != nil || !w.RenewsAllPods() {
		return fix
	}
	var changed any
	if len(kept) > 0 {
		changed = strings.Join(kept, ",")
	}
	fix.Level = checks.Ask
	fix.Changes = checks.SetField(p, w.Object, "the proxy then takes the calls to the port", changed, templateAnnotationPath(annotation)...)
	return fix
}
