package proxy

import (
	"slices"

	core "k8s.io/api/core/v1"
)

// Addresses are where the gateway is reached from outside: load balancer IPs and names, external IPs, in the order of the
// Services.
func Addresses(w *GatewayWorkload) []string {
	var addresses []string
	for _, service := range w.Services {
		for _, address := range ServiceAddresses(service) {
			if !slices.Contains(addresses, address) {
				addresses = append(addresses, address)
			}
		}
	}
	return addresses
}

// ServiceAddresses are a Service's addresses outside the cluster: those of its load balancer, then its external IPs.
func ServiceAddresses(service *core.Service) []string {
	var addresses []string
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		switch {
		case ingress.IP != "":
			addresses = append(addresses, ingress.IP)
		case ingress.Hostname != "":
			addresses = append(addresses, ingress.Hostname)
		}
	}
	return append(addresses, service.Spec.ExternalIPs...)
}
