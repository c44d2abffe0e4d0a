package host

import (
	"net/netip"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// serviceDomain ends the full names of Services. Istio's --domain could change it; no platform does.
const serviceDomain = ".svc.cluster.local"

// ServiceHost is a Service's full name.
func ServiceHost(service *core.Service) string {
	return service.Name + "." + service.Namespace + serviceDomain
}

// ResolveHost is the full name that a destination's host means in an object of that namespace: a name without a dot is a
// Service of the namespace, any other is full already ("orders.shop" is not orders in shop).
// Source: Istio's pilot/pkg/model/config.go (ResolveShortnameToFQDN).
func ResolveHost(host, namespace string) string {
	if host == "" || host == "*" || strings.Contains(host, ".") {
		return host
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	return host + "." + namespace + serviceDomain
}

// SplitServiceHost takes a Service's full name apart; ok is false for any other host.
func SplitServiceHost(fqdn string) (name, namespace string, ok bool) {
	rest, ok := strings.CutSuffix(fqdn, serviceDomain)
	if !ok {
		return "", "", false
	}
	name, namespace, ok = strings.Cut(rest, ".")
	return name, namespace, ok && name != "" && namespace != "" && !strings.Contains(namespace, ".")
}

// ServiceByHost is the Kubernetes Service of a full host name (name.ns.svc.cluster.local), nil if none.
func ServiceByHost(s *mesh.Snapshot, fqdn string) *core.Service {
	services := s.Services()
	name, namespace, ok := SplitServiceHost(fqdn)
	if !ok {
		return nil
	}
	service, _ := services.Get(namespace, name)
	return service
}

type servicesByNameMemory struct{}

// ServicesNamed are the Services of that name in all namespaces.
func ServicesNamed(s *mesh.Snapshot, name string) []*core.Service {
	s.Read(mesh.KindService)
	return mesh.Remember(s, servicesByNameMemory{}, func() map[string][]*core.Service {
		byName := map[string][]*core.Service{}
		for _, service := range s.Services().All() {
			byName[service.Name] = append(byName[service.Name], service)
		}
		return byName
	})[name]
}

type serviceEntriesMemory struct{}

// ServiceEntriesByHost are the ServiceEntries that have exactly this host, by namespace and name. A destination is never
// looked up among wildcards: istiod makes a cluster for each host as it is written.
// Source: Istio's pilot/pkg/serviceregistry/serviceentry/conversion.go (convertServices).
func ServiceEntriesByHost(s *mesh.Snapshot, host string) []*networking.ServiceEntry {
	s.Read(mesh.KindServiceEntry)
	return mesh.Remember(s, serviceEntriesMemory{}, func() map[string][]*networking.ServiceEntry {
		byHost := map[string][]*networking.ServiceEntry{}
		for _, entry := range s.ServiceEntries().All() {
			for _, host := range entry.Spec.Hosts {
				byHost[host] = append(byHost[host], entry)
			}
		}
		return byHost
	})[host]
}

// Destination is where a route's destination leads.
type Destination struct {
	// Index is its place in the rule.
	Index int
	Spec  *networkingapi.Destination
	// Host is the full name.
	Host string
	// Service is the Kubernetes Service of that name, nil if there is none; of an ExternalName Service whose external name is
	// another Service's, that other one. It is never two steps away: one ExternalName Service that stands for another leads nowhere.
	Service *core.Service
	// Port is the Service port number that calls go to, 0 where istiod takes the number of the Gateway server.
	Port int32
}

// Destinations are those of a rule that take calls: istiod leaves out the ones without weight beside others. Short names
// are those of the rule's holder.
// Source: Istio's pilot/pkg/networking/core/route/route.go (applyHTTPRouteDestination, GetDestinationCluster).
func Destinations(s *mesh.Snapshot, rule *networkingapi.HTTPRoute, namespace string) []Destination {
	return destinationsOf(s, rule, namespace, ResolveDestination)
}

// ServiceDestinations are Destinations for which only Kubernetes Services matter: ServiceEntries are not looked at.
func ServiceDestinations(s *mesh.Snapshot, rule *networkingapi.HTTPRoute, namespace string) []Destination {
	destinations := destinationsOf(s, rule, namespace, serviceDestination)
	return slices.DeleteFunc(destinations, func(destination Destination) bool { return destination.Service == nil })
}

func destinationsOf(
	s *mesh.Snapshot, rule *networkingapi.HTTPRoute, namespace string, of func(*mesh.Snapshot, *networkingapi.Destination, string) Destination,
) []Destination {
	if rule.GetRedirect() != nil || rule.GetDirectResponse() != nil {
		return nil
	}
	var destinations []Destination
	for i, weighted := range rule.GetRoute() {
		if weighted.GetDestination() == nil || weighted.Weight == 0 && len(rule.Route) > 1 {
			continue
		}
		destination := of(s, weighted.Destination, namespace)
		destination.Index = i
		destinations = append(destinations, destination)
	}
	return destinations
}

// ResolveDestination is where one destination of an object in that namespace leads.
// Source: Istio's pilot/pkg/networking/core/route/route.go (GetDestinationCluster): the port that is left out is the only one of
// what has the name, which for an ExternalName Service is that Service itself.
func ResolveDestination(s *mesh.Snapshot, spec *networkingapi.Destination, namespace string) Destination {
	destination := serviceDestination(s, spec, namespace)
	if spec.GetPort() == nil && ServiceByHost(s, destination.Host) == nil {
		destination.Port = onlyEntryPort(s, destination.Host, namespace)
	}
	return destination
}

func serviceDestination(s *mesh.Snapshot, spec *networkingapi.Destination, namespace string) Destination {
	host := ResolveHost(spec.GetHost(), namespace)
	named := ServiceByHost(s, host)
	destination := Destination{Spec: spec, Host: host, Service: named}
	if concrete := ServiceBehindAlias(s, named); concrete != nil {
		destination.Service = concrete
	}
	switch {
	case spec.GetPort() != nil:
		destination.Port = int32(spec.Port.Number)
	case named != nil && len(named.Spec.Ports) == 1:
		destination.Port = named.Spec.Ports[0].Port
	}
	return destination
}

// ServiceBehindAlias is the Service whose cluster calls to an ExternalName Service go to: the one that has the external name as
// host, nil if there is none or it is an ExternalName Service again, for which no proxy has a cluster.
// Source: Istio's pilot/pkg/networking/core/route/route.go (GetDestinationCluster) and core/cluster.go (buildOutboundClusters).
func ServiceBehindAlias(s *mesh.Snapshot, alias *core.Service) *core.Service {
	if !isExternalName(alias) {
		return nil
	}
	if concrete := ServiceByHost(s, alias.Spec.ExternalName); !isExternalName(concrete) {
		return concrete
	}
	return nil
}

// ServiceAtEnd is the Service that a chain of ExternalName Services stands for, nil if it ends outside, or nowhere.
func ServiceAtEnd(s *mesh.Snapshot, alias *core.Service) *core.Service {
	passed := map[mesh.Key]bool{}
	for isExternalName(alias) && !passed[mesh.KeyOf(alias)] {
		passed[mesh.KeyOf(alias)] = true
		alias = ServiceByHost(s, alias.Spec.ExternalName)
	}
	if isExternalName(alias) {
		return nil
	}
	return alias
}

func isExternalName(service *core.Service) bool {
	return service != nil && service.Spec.Type == core.ServiceTypeExternalName
}

// onlyEntryPort is the port of the ServiceEntry that a proxy takes a host from, if it has one port only: one of the route's own
// namespace before the oldest; else 0.
// Source: Istio's pilot/pkg/networking/core/gateway.go (buildNameToServiceMapForHTTPRoutes).
func onlyEntryPort(s *mesh.Snapshot, host, namespace string) int32 {
	var taken *networking.ServiceEntry
	for _, entry := range ServiceEntriesByHost(s, host) {
		isOwn := entry.Namespace == namespace
		switch {
		case taken == nil, isOwn && taken.Namespace != namespace,
			isOwn == (taken.Namespace == namespace) && mesh.CompareAge(entry, taken) < 0:
			taken = entry
		}
	}
	if taken == nil || len(taken.Spec.Ports) != 1 {
		return 0
	}
	return int32(taken.Spec.Ports[0].Number)
}
