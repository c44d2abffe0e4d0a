package proxy

import (
	"net/netip"
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
		return AnnotationIncludeInboundPorts, listsPort(include, port)
	}
	return AnnotationExcludeInboundPorts, !listsPort(annotations[AnnotationExcludeInboundPorts], port)
}

// The pod annotations that say which outbound connections the sidecar takes.
const (
	AnnotationExcludeOutboundPorts    = "traffic.sidecar.istio.io/excludeOutboundPorts"
	AnnotationIncludeOutboundPorts    = "traffic.sidecar.istio.io/includeOutboundPorts"
	AnnotationExcludeOutboundIPRanges = "traffic.sidecar.istio.io/excludeOutboundIPRanges"
	AnnotationIncludeOutboundIPRanges = "traffic.sidecar.istio.io/includeOutboundIPRanges"
)

// OutboundCapture says whether connections that an injected pod with these annotations opens to a port of an address pass through its
// proxy, and if not, which annotation keeps them out. Where no address is known (a headless Service, a manifest), only a list that
// leaves out every address counts.
// Source: Istio's tools/istio-iptables/pkg/capture/run.go (Run, handleOutboundPortsInclude, handleOutboundIncludeRules): what is
// excluded is let through first, then ports to include are taken, then ranges.
func OutboundCapture(annotations map[string]string, addresses []string, port int32) (keptOutBy string, captured bool) {
	if listsPort(annotations[AnnotationExcludeOutboundPorts], port) {
		return AnnotationExcludeOutboundPorts, false
	}
	if len(addresses) > 0 && allWithin(addresses, annotations[AnnotationExcludeOutboundIPRanges]) {
		return AnnotationExcludeOutboundIPRanges, false
	}
	if listsPort(annotations[AnnotationIncludeOutboundPorts], port) {
		return "", true
	}
	include, stated := annotations[AnnotationIncludeOutboundIPRanges]
	include = strings.TrimSpace(include)
	switch {
	case !stated || include == "*":
		return "", true
	case include == "":
		return AnnotationIncludeOutboundIPRanges, false
	default:
		return AnnotationIncludeOutboundIPRanges, len(addresses) == 0 || allWithin(addresses, include)
	}
}

// allWithin reports whether each address is in one of the ranges of a list with commas.
func allWithin(addresses []string, ranges string) bool {
	if strings.TrimSpace(ranges) == "*" {
		return true
	}
	var prefixes []netip.Prefix
	for part := range strings.SplitSeq(ranges, ",") {
		part = strings.TrimSpace(part)
		if address, err := netip.ParseAddr(part); err == nil {
			prefixes = append(prefixes, netip.PrefixFrom(address, address.BitLen()))
		} else if prefix, err := netip.ParsePrefix(part); err == nil {
			prefixes = append(prefixes, prefix)
		}
	}
	return !slices.ContainsFunc(addresses, func(text string) bool {
		address, err := netip.ParseAddr(text)
		return err != nil || !slices.ContainsFunc(prefixes, func(prefix netip.Prefix) bool { return prefix.Contains(address) })
	})
}

// listsPort reports whether an annotation that lists ports with commas has the port; what is no port counts for nothing.
func listsPort(text string, port int32) bool {
	for part := range strings.SplitSeq(text, ",") {
		if listed, err := strconv.ParseUint(strings.TrimSpace(part), 10, 16); err == nil && int32(listed) == port {
			return true
		}
	}
	return false
}
