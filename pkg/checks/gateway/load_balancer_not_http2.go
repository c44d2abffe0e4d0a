package gateway

import (
	"fmt"
	"regexp"
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var loadBalancerNotHTTP2 = &checks.Check{
	ID:     "GX417",
	Slug:   "load-balancer-not-http2",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The load balancer in front of the gateway speaks HTTP/1.1, or does not follow the Service",
	What: "Finds annotations on the gateway's Service that make the cloud's load balancer an HTTP/1.1 proxy for a port that gRPC calls " +
		"come to (AWS, DigitalOcean, Alibaba Cloud, Tencent Cloud, Huawei Cloud, Hetzner, Linode, OCI, OpenStack, Scaleway, Vultr), and " +
		"TKE's `service.cloud.tencent.com/mode: skip`, which keeps the load balancer from following the Service's ports. Finds load balancers " +
		"that terminate TLS without agreeing on HTTP/2 with the client (AWS `ssl-cert` without `alpn-policy`), and (an error) those that send " +
		"plaintext to a server that wants TLS, or TLS to one that takes plaintext. Finds Gateway servers whose port name " +
		"`clb-https-<port>-<certificate>` makes Tencent Cloud Mesh set up an HTTP/1.1 load balancer, and an Ingress of class `alb` that leads to " +
		"the gateway without `backend-protocol-version: GRPC` or `HTTP2`.",
	Why: "gRPC needs HTTP/2 all the way to the gateway. A load balancer that passes TCP on is fine; one that reads HTTP/1.1 is not. " +
		"One that terminates TLS must agree on HTTP/2 by ALPN, because gRPC clients refuse TLS connections without it.",
	Client: "UNAVAILABLE or UNKNOWN: the load balancer refuses HTTP/2, or strips the trailers; with `mode: skip`, UNAVAILABLE on ports " +
		"that were added later.",
	Bad: example.Orders + example.EdgeAnnotated("service.beta.kubernetes.io/aws-load-balancer-backend-protocol: http") +
		example.Gateway("istio: edge", "{number: 8000, name: grpc, protocol: GRPC}"),
	Good: example.Orders + example.EdgeAnnotated("service.beta.kubernetes.io/aws-load-balancer-backend-protocol: tcp") +
		example.Gateway("istio: edge", "{number: 8000, name: grpc, protocol: GRPC}"),
	Reads:    gatewayServiceReads,
	Consults: append(gatewayConsults(gatewayServiceReads), mesh.KindIngress),
	Since:    "v0.1.0",
	Run:      runLoadBalancerNotHTTP2,
}

func runLoadBalancerNotHTTP2(p *checks.Pass) {
	told := map[mesh.Key]bool{}
	for _, gw := range usedGateways(p) {
		services, ports := servicesOf(p, gw)
		for _, service := range services {
			reportIngresses(p, gw, service, ports[service], told)
			if service.Spec.Type != core.ServiceTypeLoadBalancer || told[mesh.KeyOf(service)] {
				continue
			}
			told[mesh.KeyOf(service)] = true
			reportLoadBalancer(p, gw, service, ports[service])
			if annotation := proxy.SyncSwitchedOff(service); annotation != "" {
				p.Report(checks.Finding{
					Object: service, Path: annotationPath(skipAnnotation), Level: checks.Warning,
					Message:  fmt.Sprintf("The load balancer of Service %s does not follow the Service's ports.", service.Name),
					Evidence: []string{annotation},
					Symptom:  "UNAVAILABLE: ports that were added to the Service later are not open on the load balancer",
					Fix:      checks.Fix{Text: "Remove the annotation, or open the port on the load balancer by hand."},
				})
			}
		}
	}
	for _, server := range gatewayServers(p) {
		reportCLBPortName(p, server)
	}
}

// reportLoadBalancer tells one fault of the Service's load balancer, the first.
func reportLoadBalancer(p *checks.Pass, gateway *usedGateway, service *core.Service, ports []*core.ServicePort) {
	if key, cloud := layer7Annotation(service, ports); key != "" {
		terminating := slices.IndexFunc(ports, func(port *core.ServicePort) bool { return terminatesAWS(service, port) })
		var port *core.ServicePort
		if terminating >= 0 {
			port = ports[terminating]
		}
		p.Report(checks.Finding{
			Object: service, Path: annotationPath(key), Level: checks.Warning,
			Message:  fmt.Sprintf("The load balancer of Service %s speaks HTTP/1.1 to the gateway (%s).", service.Name, cloud),
			Evidence: []string{key + ": " + service.Annotations[key]},
			Symptom:  "UNAVAILABLE or UNKNOWN: the load balancer refuses HTTP/2, or strips the trailers",
			Fix:      checks.Fix{Text: layer7Fix(service, key, port, gateway.kindsBehind(p, service, ports))},
		})
		return
	}
	for _, port := range ports {
		to := gateway.kindsBehind(p, service, []*core.ServicePort{port})
		fault, found := awsTLSFault(service, port, to)
		if !found {
			fault, found = tencentTLSFault(service, port, to)
		}
		if found {
			reportFront(p, gateway, service, fault)
			return
		}
	}
}

// reportIngresses tells one fault of each application load balancer before the Service.
func reportIngresses(p *checks.Pass, gateway *usedGateway, service *core.Service, ports []*core.ServicePort, told map[mesh.Key]bool) {
	for _, ingress := range p.Ingresses().In(service.Namespace) {
		if !isALB(ingress) || told[mesh.KeyOf(ingress)] {
			continue
		}
		for _, port := range ports {
			if !ingressLeadsTo(ingress, service, port) {
				continue
			}
			if fault, found := albFault(ingress, service, port, gateway.kindsBehind(p, service, []*core.ServicePort{port})); found {
				told[mesh.KeyOf(ingress)] = true
				reportFront(p, gateway, ingress, fault)
				break
			}
		}
	}
}

func reportFront(p *checks.Pass, gateway *usedGateway, object mesh.Object, fault frontFault) {
	p.Report(checks.Finding{
		Object: object, Path: fault.path, Level: p.LevelFor(gateway.relevance, fault.level),
		Message: fault.message, Evidence: fault.evidence, Symptom: fault.symptom, Fix: checks.Fix{Text: fault.fix},
	})
}

// clbHTTPS is the name of a Gateway server's port by which Tencent Cloud Mesh gives the load balancer an HTTPS listener.
// It is a convention of Tencent Cloud Mesh; Istio itself knows nothing of it.
var clbHTTPS = regexp.MustCompile(`^clb-https-([0-9]+)-(.+)$`)

// reportCLBPortName: behind that listener the load balancer speaks HTTP/1.1, in plaintext.
func reportCLBPortName(p *checks.Pass, server gatewayServer) {
	name := clbHTTPS.FindStringSubmatch(server.spec.GetPort().GetName())
	if name == nil {
		return
	}
	finding := checks.Finding{
		Object: server.gateway, Path: server.path("port", "name"), Level: checks.Warning,
		Message: fmt.Sprintf("The port name %s of Gateway %s makes the load balancer terminate TLS and speak HTTP/1.1 to the gateway: gRPC calls do not get through.",
			name[0], server.gateway.Name),
		Evidence: []string{"Tencent Cloud Mesh reads clb-https-<port>-<certificate> as an HTTPS listener of the load balancer, which sends plaintext HTTP/1.1"},
		Symptom:  "UNAVAILABLE or UNKNOWN: the load balancer refuses HTTP/2, or strips the trailers",
		Fix: checks.Fix{Text: fmt.Sprintf("Let the Gateway server terminate TLS: name the port https-%s, with protocol HTTPS, number %s, and tls: {mode: SIMPLE, credentialName: qcloud-%s}.",
			name[1], name[1], name[2])},
	}
	if gateway.ServerIsTLS(server.spec) {
		finding.Level, finding.Symptom = server.level(p, checks.Error), symptomPlaintext
		finding.Message = fmt.Sprintf("The port name %s of Gateway %s makes the load balancer terminate TLS and send plaintext to a server that wants TLS.", name[0], server.gateway.Name)
	}
	p.Report(finding)
}

const skipAnnotation = "service.cloud.tencent.com/mode"

func annotationPath(key string) plan.Path { return plan.PathOf("metadata", "annotations", key) }
