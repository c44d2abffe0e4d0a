package proxy

import (
	"slices"
	"strconv"
	"strings"
)

// The pod annotations that say which inbound ports the sidecar takes.
const (
	AnnotationIncludeInboundPorts = "traffic.sidecar.istio.io/includeInboundPorts"
	AnnotationExcludeInboundPorts = "traffic.sidecar.istio.io/excludeInboundPorts"
)

// InboundCapture says whether calls to a port of an injected pod with these annotations pass through its proxy, and if not,
// which annotation keeps them out. A list of ports to include makes the list of those to exclude void.
// Source: Istio's tools/istio-iptables/pkg/capture/run.go (handleInboundPortsInclude).
func InboundCapture(annotations map[string]string, port int32) (keptOutBy string, captured bool) {
	include, stated := annotations[AnnotationIncludeInboundPorts]
	if stated && include != "*" {
		return AnnotationIncludeInboundPorts, slices.Contains(PortList(include), port)
	}
	return AnnotationExcludeInboundPorts, !slices.Contains(PortList(annotations[AnnotationExcludeInboundPorts]), port)
}

// PortList are the ports of an annotation that lists them with commas; what is no port is left out.
func PortList(text string) []int32 {
	var ports []int32
	for part := range strings.SplitSeq(text, ",") {
		if port, err := strconv.ParseUint(strings.TrimSpace(part), 10, 16); err == nil {
			ports = append(ports, int32(port))
		}
	}
	return ports
}
