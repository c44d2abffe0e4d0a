package expose

import (
	"net"
	"slices"
	"strconv"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// Exposure is how a client reaches the workload.
type Exposure struct {
	// Addresses are host:port, the best first; none where the gateway has no address outside.
	Addresses []string `json:"addresses"`
	// Hosts are what the :authority of calls may be; "*" for any.
	Hosts []string `json:"hosts"`
	TLS   bool     `json:"tls"`
	// Command is a line that tries it.
	Command string `json:"command"`
	// Authority is a line that writes the file ca.crt which Command names, where the certificate's authority is not a public one.
	Authority string `json:"authority,omitempty"`
	// Forward is a line that makes the gateway reachable from here, where it has no address outside.
	Forward string `json:"forward,omitempty"`
}

// ExposureOf is what a client needs, in the snapshot after the plan.
func ExposureOf(result *Result, snapshot *mesh.Snapshot) Exposure {
	exposure := Exposure{Hosts: result.Hosts, TLS: result.TLS, Addresses: []string{}}
	gateway := proxy.SameGateway(snapshot, result.Gateway)
	services := servicesWithPort(gateway, result.Port)
	for _, address := range addressesOf(services) {
		exposure.Addresses = append(exposure.Addresses, net.JoinHostPort(address, strconv.Itoa(int(result.Port))))
	}
	target := "localhost:" + strconv.Itoa(int(result.Port))
	if len(exposure.Addresses) > 0 {
		target = exposure.Addresses[0]
	} else if len(gateway.Services) > 0 || gateway.Template.Spec.HostNetwork {
		exposure.Forward = inert.Command("kubectl", "port-forward", "-n", gateway.Namespace, forwardTo(gateway, services), strconv.Itoa(int(result.Port)))
	}
	tried := trialOf(result, snapshot, target)
	exposure.Command, exposure.Authority = tried.command, tried.authority
	return exposure
}

// forwardTo is what leads to the gateway's pods: a Service, or where there is none their workload.
func forwardTo(gateway *proxy.GatewayWorkload, services []*core.Service) string {
	if len(services) > 0 {
		return mesh.KeyOf(proxy.MainService(services)).Argument()
	}
	return gateway.Key().Argument()
}

// servicesWithPort are those of the gateway's Services that open the port; all of them where none does yet.
func servicesWithPort(gateway *proxy.GatewayWorkload, port int32) []*core.Service {
	var open []*core.Service
	for _, service := range gateway.Services {
		if hasTCPPort(service, port) {
			open = append(open, service)
		}
	}
	if len(open) == 0 {
		return gateway.Services
	}
	return open
}

func addressesOf(services []*core.Service) []string {
	var addresses []string
	for _, service := range services {
		for _, address := range proxy.ServiceAddresses(service) {
			if !slices.Contains(addresses, address) {
				addresses = append(addresses, address)
			}
		}
	}
	return addresses
}
