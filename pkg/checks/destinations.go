package checks

import (
	"fmt"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

// ServicesMeant are the Services that a wrong host may mean: of its first two labels, read as name.namespace, else of its
// first label in any namespace.
func ServicesMeant(p *Pass, name string) []*core.Service {
	labels := strings.Split(name, ".")
	if len(labels) > 1 {
		if service, ok := p.Services().Get(labels[1], labels[0]); ok {
			return []*core.Service{service}
		}
	}
	return host.ServicesNamed(p.Snapshot, labels[0])
}

// WildcardEntry names a ServiceEntry that has a wildcard over the host, as a clause; empty where there is none.
// Source: Istio's pilot/pkg/serviceregistry/serviceentry/conversion.go (convertServices).
func WildcardEntry(p *Pass, name string) string {
	for _, entry := range p.ServiceEntries().All() {
		for _, wildcard := range entry.Spec.Hosts {
			if strings.HasPrefix(wildcard, "*") && host.HostSubsetOf(name, wildcard) {
				return fmt.Sprintf("%s has host %s, which makes a cluster for that name only, not for each host under it", mesh.KeyOf(entry), wildcard)
			}
		}
	}
	return ""
}

// DestinationPorts are the port numbers of the Service, or of the ServiceEntries with the host.
func DestinationPorts(p *Pass, destination host.Destination) []int32 {
	var numbers []int32
	if destination.Service != nil {
		for _, port := range destination.Service.Spec.Ports {
			numbers = append(numbers, port.Port)
		}
		return numbers
	}
	for _, entry := range host.ServiceEntriesByHost(p.Snapshot, destination.Host) {
		for _, port := range entry.Spec.Ports {
			numbers = append(numbers, int32(port.GetNumber()))
		}
	}
	return numbers
}

// IsLost reports whether nothing has the destination's host; GX503 speaks of that.
func IsLost(p *Pass, destination host.Destination) bool {
	return host.ServiceByHost(p.Snapshot, destination.Host) == nil && len(host.ServiceEntriesByHost(p.Snapshot, destination.Host)) == 0
}

// IsHostMissing reports whether a full host name is neither a Service nor a ServiceEntry, and could not be one unseen.
func IsHostMissing(p *Pass, hostname string) bool {
	if host.ServiceByHost(p.Snapshot, hostname) != nil || len(host.ServiceEntriesByHost(p.Snapshot, hostname)) > 0 {
		return false
	}
	if strings.HasSuffix(hostname, ".svc.clusterset.local") {
		p.Skip("ServiceImports, which make the hosts under clusterset.local, are not read")
		return false
	}
	if name, namespace, ok := host.SplitServiceHost(hostname); ok && !p.Missing(mesh.KindService, namespace, name) {
		return false
	}
	return p.Missing(mesh.KindServiceEntry, "", "")
}
