package gateway

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	k8snetworking "k8s.io/api/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// The annotations of AWS' load balancers. Sources: aws-load-balancer-controller docs/guide/service/annotations.md and
// docs/guide/ingress/annotations.md; kubernetes/cloud-provider-aws docs/service_controller.md (a classic load balancer has no ALPN).
const (
	awsCertificate     = "service.beta.kubernetes.io/aws-load-balancer-ssl-cert"
	awsTLSPorts        = "service.beta.kubernetes.io/aws-load-balancer-ssl-ports"
	awsALPN            = "service.beta.kubernetes.io/aws-load-balancer-alpn-policy"
	awsType            = "service.beta.kubernetes.io/aws-load-balancer-type"
	awsBackendProtocol = "service.beta.kubernetes.io/aws-load-balancer-backend-protocol"

	albVersion     = "alb.ingress.kubernetes.io/backend-protocol-version"
	albProtocol    = "alb.ingress.kubernetes.io/backend-protocol"
	albListenPorts = "alb.ingress.kubernetes.io/listen-ports"
)

// awsNetworkTypes and awsNetworkClasses are those of network load balancers, which pass connections on and never read HTTP.
var (
	awsNetworkTypes   = []string{"nlb", "nlb-ip", "external"}
	awsNetworkClasses = []string{"service.k8s.aws/nlb", "eks.amazonaws.com/nlb"}
)

func isNetworkLoadBalancer(service *core.Service) bool {
	class := service.Spec.LoadBalancerClass
	return slices.Contains(awsNetworkTypes, service.Annotations[awsType]) || class != nil && slices.Contains(awsNetworkClasses, *class)
}

// listenerKinds say what the servers of one listener of a gateway take.
type listenerKinds struct{ tls, plaintext bool }

// frontFault is what is wrong with how a load balancer hands calls to a gateway.
type frontFault struct {
	level    checks.Level
	path     plan.Path
	message  string
	evidence []string
	symptom  string
	fix      string
}

const (
	symptomNoALPN    = "UNAVAILABLE: the client refuses a TLS connection that does not agree on HTTP/2 (ALPN h2)"
	symptomPlaintext = "UNAVAILABLE: the gateway's TLS server gets plaintext, or its plaintext server TLS"
)

// terminatesAWS reports whether AWS' load balancer terminates TLS on the Service port: without a list of ports, on all of them.
func terminatesAWS(service *core.Service, port *core.ServicePort) bool {
	if service.Annotations[awsCertificate] == "" {
		return false
	}
	listed, stated := service.Annotations[awsTLSPorts]
	if !stated || strings.TrimSpace(listed) == "*" {
		return true
	}
	for item := range strings.SplitSeq(listed, ",") {
		if item = strings.TrimSpace(item); item == fmt.Sprint(port.Port) || item != "" && item == port.Name {
			return true
		}
	}
	return false
}

// awsTLSFault judges a load balancer that terminates TLS and passes bytes on.
func awsTLSFault(service *core.Service, port *core.ServicePort, to listenerKinds) (fault frontFault, found bool) {
	if !terminatesAWS(service, port) {
		return frontFault{}, false
	}
	network := isNetworkLoadBalancer(service)
	backend := strings.ToLower(strings.TrimSpace(service.Annotations[awsBackendProtocol]))
	if !network && isHTTP(backend) {
		return frontFault{}, false // that it reads HTTP/1.1 is told already
	}
	sendsTLS := backend == "ssl" || backend == "https" || backend == "tls"
	fault = frontFault{
		path:     annotationPath(awsCertificate),
		evidence: []string{awsCertificate + " makes the load balancer terminate TLS on port " + fmt.Sprint(port.Port)},
	}
	alpn := service.Annotations[awsALPN]
	agrees := network && slices.ContainsFunc([]string{"HTTP2Only", "HTTP2Optional", "HTTP2Preferred"}, func(policy string) bool { return strings.EqualFold(policy, alpn) })
	mismatch := to.tls && !to.plaintext && !sendsTLS || to.plaintext && !to.tls && sendsTLS
	switch {
	case mismatch && !sendsTLS:
		fault.level, fault.symptom = checks.Error, symptomPlaintext
		fault.message = fmt.Sprintf("The load balancer of Service %s terminates TLS and sends plaintext to port %d, where the Gateway server wants TLS.", service.Name, port.Port)
	case mismatch:
		fault.level, fault.symptom = checks.Error, symptomPlaintext
		fault.message = fmt.Sprintf("The load balancer of Service %s sends TLS to port %d, where the Gateway server takes plaintext.", service.Name, port.Port)
	case !agrees:
		fault.level, fault.symptom = checks.Warning, symptomNoALPN
		fault.message = fmt.Sprintf("The load balancer of Service %s terminates TLS on port %d without agreeing on HTTP/2 (ALPN): gRPC clients refuse the connection.", service.Name, port.Port)
	default:
		return frontFault{}, false
	}
	if !agrees {
		stated := "there is no " + awsALPN
		if alpn != "" {
			stated = awsALPN + ": " + alpn
		}
		fault.evidence = append(fault.evidence, stated)
		if !network {
			fault.evidence = append(fault.evidence, "it is a classic load balancer, which has no ALPN")
		}
	}
	fault.fix = awsTLSFix(network, to)
	return fault, true
}

// awsTLSFix says both ways out, each as a whole: half of one is another fault.
func awsTLSFix(network bool, to listenerKinds) string {
	backend := "tcp"
	if to.tls && !to.plaintext {
		backend = "ssl"
	}
	keep := fmt.Sprintf("set %s: HTTP2Preferred and %s: %s", awsALPN, awsBackendProtocol, backend)
	if !network {
		keep = fmt.Sprintf("replace the classic load balancer by a network one (%s: external), and %s", awsType, keep)
	}
	pass := fmt.Sprintf("remove %s, set %s: tcp", awsCertificate, awsBackendProtocol)
	if backend == "tcp" {
		pass += ", and let the Gateway server terminate TLS (protocol HTTPS)"
	} else {
		pass += ": the Gateway server terminates TLS itself"
	}
	return fmt.Sprintf("Either %s; or %s.", keep, pass)
}

// layer7Fix leads out of HTTP/1.1, and not into TLS without ALPN.
func layer7Fix(service *core.Service, key string, port *core.ServicePort, to listenerKinds) string {
	if key == awsBackendProtocol && port != nil && terminatesAWS(service, port) {
		return awsTLSFix(false, to)
	}
	text := "Let the load balancer pass TCP on: remove the annotation, or give it the value for TCP."
	if to.plaintext && !to.tls {
		text += " If the load balancer terminated TLS, let the Gateway server do that (protocol HTTPS)."
	}
	return text
}

// tencentTLSFault judges a listener of Tencent Cloud's load balancer that terminates TLS and passes plaintext on.
// Source: TKE, "Service Annotation" (cloud.tencent.com/document/product/457/51258): specify-protocol TCP_SSL.
func tencentTLSFault(service *core.Service, port *core.ServicePort, to listenerKinds) (fault frontFault, found bool) {
	const key = "service.cloud.tencent.com/specify-protocol"
	var byPort map[string]struct {
		Protocol []string `json:"protocol"`
	}
	if json.Unmarshal([]byte(service.Annotations[key]), &byPort) != nil || !to.tls || to.plaintext ||
		!slices.ContainsFunc(byPort[fmt.Sprint(port.Port)].Protocol, func(protocol string) bool { return strings.EqualFold(protocol, "TCP_SSL") }) {
		return frontFault{}, false
	}
	return frontFault{
		level: checks.Error, path: annotationPath(key), evidence: []string{key + ": " + service.Annotations[key]}, symptom: symptomPlaintext,
		message: fmt.Sprintf("The load balancer of Service %s terminates TLS and sends plaintext to port %d, where the Gateway server wants TLS.", service.Name, port.Port),
		fix:     fmt.Sprintf("Set the protocol of port %d to TCP in %s: the Gateway server terminates TLS itself.", port.Port, key),
	}, true
}

// isALB reports whether an Ingress is for an application load balancer.
func isALB(ingress *k8snetworking.Ingress) bool {
	if class := ingress.Spec.IngressClassName; class != nil {
		return *class == "alb"
	}
	return ingress.Annotations["kubernetes.io/ingress.class"] == "alb"
}

// albFault judges an application load balancer before a Service port. AWS' settings may be on the Service, where they win; Alibaba
// Cloud's says the version with the protocol.
// Sources: aws-load-balancer-controller docs/guide/ingress/annotations.md (traffic routing; gRPC and HTTP/2 come in on HTTPS listeners);
// Alibaba Cloud ACK, "ALB Ingress annotations" (backend-protocol: grpc).
func albFault(ingress *k8snetworking.Ingress, service *core.Service, port *core.ServicePort, to listenerKinds) (fault frontFault, found bool) {
	setting := func(key string) string {
		if value, stated := service.Annotations[key]; stated {
			return strings.ToUpper(strings.TrimSpace(value))
		}
		return strings.ToUpper(strings.TrimSpace(ingress.Annotations[key]))
	}
	version, protocol := setting(albVersion), setting(albProtocol)
	if protocol == "GRPC" {
		return frontFault{}, false
	}
	wanted := "HTTP"
	if to.tls && !to.plaintext {
		wanted = "HTTPS"
	}
	sends := protocol
	if sends == "" {
		sends = "HTTP"
	}
	mismatch := to.tls != to.plaintext && sends != wanted
	isHTTP2 := version == "GRPC" || version == "HTTP2"
	listensTLS := albListensTLS(ingress)
	var todo []string
	if !isHTTP2 {
		todo = append(todo, "set "+albVersion+": GRPC (or HTTP2, if other calls than gRPC come this way)")
	}
	if mismatch {
		todo = append(todo, "set "+albProtocol+": "+wanted)
	}
	if !listensTLS {
		todo = append(todo, "give the load balancer an HTTPS listener in "+albListenPorts)
	}
	leads := fmt.Sprintf("The load balancer of Ingress %s/%s, which leads to port %d of gateway Service %s,", ingress.Namespace, ingress.Name, port.Port, service.Name)
	fault = frontFault{level: checks.Warning, path: plan.PathOf("metadata", "annotations")}
	switch {
	case mismatch:
		fault.level, fault.path, fault.symptom = checks.Error, annotationPath(albProtocol), symptomPlaintext
		fault.message = fmt.Sprintf("%s sends %s, where the Gateway server wants %s.", leads, sends, wanted)
		fault.evidence = append(fault.evidence, fmt.Sprintf("%s is %s", albProtocol, sends))
	case !isHTTP2:
		fault.symptom = "UNAVAILABLE or UNKNOWN: the load balancer speaks HTTP/1.1 to the gateway (it answers 464 or 502)"
		fault.message = leads + " sends HTTP/1.1: gRPC calls do not get through."
	case !listensTLS:
		fault.path, fault.symptom = annotationPath(albListenPorts), "UNAVAILABLE: the load balancer takes no HTTP/2 from clients"
		fault.message = leads + " has no HTTPS listener, and takes HTTP/2 on no other."
	default:
		return frontFault{}, false
	}
	if !isHTTP2 {
		stated := "there is no " + albVersion
		if version != "" {
			stated, fault.path = albVersion+": "+version, annotationPath(albVersion)
		}
		fault.evidence = append(fault.evidence, stated)
	}
	fault.fix = checks.UpperFirst(strings.Join(todo, ", and ")) + "."
	return fault, true
}

// albListensTLS reports whether the load balancer has a listener for HTTPS, as far as the Ingress says: what it leaves open, its class
// or its group may say.
func albListensTLS(ingress *k8snetworking.Ingress) bool {
	var listeners []map[string]int
	stated, ok := ingress.Annotations[albListenPorts]
	if !ok || json.Unmarshal([]byte(stated), &listeners) != nil {
		return true
	}
	return slices.ContainsFunc(listeners, func(listener map[string]int) bool { _, tls := listener["HTTPS"]; return tls })
}

// ingressLeadsTo reports whether an Ingress has a backend at the Service's port.
func ingressLeadsTo(ingress *k8snetworking.Ingress, service *core.Service, port *core.ServicePort) bool {
	leads := func(backend *k8snetworking.IngressBackend) bool {
		return backend != nil && backend.Service != nil && backend.Service.Name == service.Name &&
			(backend.Service.Port.Number == port.Port || backend.Service.Port.Name != "" && backend.Service.Port.Name == port.Name)
	}
	if leads(ingress.Spec.DefaultBackend) {
		return true
	}
	for _, rule := range ingress.Spec.Rules {
		if rule.HTTP != nil && slices.ContainsFunc(rule.HTTP.Paths, func(path k8snetworking.HTTPIngressPath) bool { return leads(&path.Backend) }) {
			return true
		}
	}
	return false
}
