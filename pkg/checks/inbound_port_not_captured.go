package checks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

var inboundPortNotCaptured = &Check{
	ID:     "GX112",
	Slug:   "inbound-port-not-captured",
	Levels: []Level{Error, Warning},
	Title:  "Calls to a gRPC port by-pass the proxy of its pods",
	What: "An annotation of the pod template keeps the port on which the server listens out of the proxy: excludeInboundPorts lists it, or " +
		"includeInboundPorts is a list without it. It is an error where a gateway leads to the port and speaks mutual TLS to it.",
	Why: "A pod with a proxy is known to the mesh as one that takes mutual TLS, so gateways and proxies speak it to all its ports, unless a " +
		"policy says otherwise. On a port that the proxy does not take, the TLS handshake lands in the server, which expects plaintext.",
	Client: "UNAVAILABLE through a gateway or from another pod with a proxy; plain clients get through, balanced per connection.",
	Bad: exampleMesh(exampleNamespace("istio-injection: enabled"),
		exampleWorkload("", `traffic.sidecar.istio.io/excludeInboundPorts: "9090,50051"`, "")),
	Good: exampleMesh(exampleNamespace("istio-injection: enabled"),
		exampleWorkload("", `traffic.sidecar.istio.io/excludeInboundPorts: "9090"`, "")),
	Reads:    exposureReads,
	Consults: consultsBeside(exposureReads, mesh.KindWebhook, mesh.KindPeerAuthentication, mesh.KindDestinationRule),
	Since:    "v0.1.0",
	Run:      runInboundPortNotCaptured,
}

func runInboundPortNotCaptured(p *Pass) {
	for _, workload := range exposedWorkloads(p) {
		if p.IsAmbient(workload.Namespace(), workload.Template) || workload.Template.Spec.HostNetwork {
			continue
		}
		level, annotation := Warning, ""
		var keptOut []int32
		var evidence []string
		for _, port := range workload.Ports {
			number, _, ok := mesh.TargetPort(port.Port, workload.Template)
			by, captured := mesh.InboundCapture(workload.Template.Annotations, number)
			if !ok || captured || slices.Contains(keptOut, number) {
				continue
			}
			keptOut, annotation = append(keptOut, number), by
			evidence = append(evidence, evidenceOf(port)...)
			if failsWithMutualTLS(p, workload, port, number) {
				level = Error
			}
		}
		if len(keptOut) > 0 {
			reportNotCaptured(p, workload, level, annotation, keptOut, evidence)
		}
	}
}

// failsWithMutualTLS says that a gateway speaks mutual TLS to the port of pods whose proxy does not take it.
func failsWithMutualTLS(p *Pass, w exposedWorkload, port *mesh.ExposedPort, number int32) bool {
	return port.Routed && !port.Weak() && getsProxy(p, w.Workload) &&
		p.MutualTLSMode(w.Namespace(), w.Template.Labels, number) != mesh.MutualTLSDisable && gatewaySpeaksTLS(p, port)
}

// gatewaySpeaksTLS says that one of the gateways that lead to the port uses TLS to it: by the rule that it has for the Service,
// or where that says nothing because the pods have a proxy (auto mTLS).
func gatewaySpeaksTLS(p *Pass, port *mesh.ExposedPort) bool {
	service := port.Service
	host := mesh.ResolveHost(service.Name, service.Namespace)
	gateways := p.GatewaysTo(port)
	return len(gateways) == 0 || slices.ContainsFunc(gateways, func(gateway *mesh.GatewayWorkload) bool {
		rule := p.DestinationRuleFor(gateway.Client(), host, service.Namespace)
		tls := p.TrafficPolicyFor(rule, port.Port.Port, "").TLS
		if tls == nil {
			return p.MeshConfig().GetEnableAutoMtls().GetValue()
		}
		return tls.GetMode() != networkingapi.ClientTLSSettings_DISABLE
	})
}

func reportNotCaptured(p *Pass, w exposedWorkload, level Level, annotation string, ports []int32, evidence []string) {
	path := templateAnnotationPath(annotation)
	value := w.Template.Annotations[annotation]
	does := "lists it"
	if annotation == mesh.AnnotationIncludeInboundPorts {
		does = "does not list it"
	}
	symptom := "calls to the port are balanced per connection and without mutual TLS; callers that demand it fail with UNAVAILABLE"
	if level == Error {
		symptom = "UNAVAILABLE: the gateway's mutual TLS hits the plaintext server"
	}
	p.Report(Finding{
		Object: w.Object, Level: level, Path: path.String(),
		Message: fmt.Sprintf("Calls to port %d of %s by-pass the proxy: the annotation %s %s.",
			ports[0], w.Key, annotation, does),
		Evidence: append([]string{fmt.Sprintf("%s: %q", annotation, value)}, evidence...),
		Symptom:  symptom,
		Fix:      fixCapture(w, annotation, value, ports),
	})
}

func fixCapture(w exposedWorkload, annotation, value string, ports []int32) Fix {
	fix := Fix{Text: fmt.Sprintf("Take port %d out of the annotation %s.", ports[0], annotation), Level: Words}
	var kept []string
	for _, part := range strings.Split(value, ",") {
		number, err := strconv.ParseInt(strings.TrimSpace(part), 10, 32)
		excluded := err == nil && slices.Contains(ports, int32(number)) && annotation == mesh.AnnotationExcludeInboundPorts
		if part = strings.TrimSpace(part); part != "" && !excluded {
			kept = append(kept, part)
		}
	}
	if annotation == mesh.AnnotationIncludeInboundPorts {
		fix.Text = fmt.Sprintf("Add port %d to the annotation %s.", ports[0], annotation)
		for _, port := range ports {
			kept = append(kept, strconv.Itoa(int(port)))
		}
	}
	if !restartable(w.Workload) {
		return fix
	}
	var changed any
	if len(kept) > 0 {
		changed = strings.Join(kept, ",")
	}
	fix.Level = Ask
	fix.Changes = setField(w.Object, "the proxy then takes the calls to the port", changed, templateAnnotationPath(annotation)...)
	return fix
}
