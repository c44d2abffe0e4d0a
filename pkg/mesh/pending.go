package mesh

// TEMPORARY: signatures that other files of this package will hold. Each owner moves its block into files of its own,
// with the implementation, and deletes it here. The file disappears when all are done.

import (
	core "k8s.io/api/core/v1"
)

// ---------------------------------------------------------------------------------------------- owner: services

// Protocol of a port as Istio sees it.
type Protocol string

// The protocols.
const (
	ProtocolGRPC        Protocol = "GRPC"
	ProtocolGRPCWeb     Protocol = "GRPC-Web"
	ProtocolHTTP2       Protocol = "HTTP2"
	ProtocolHTTP        Protocol = "HTTP"
	ProtocolHTTPS       Protocol = "HTTPS"
	ProtocolTLS         Protocol = "TLS"
	ProtocolTCP         Protocol = "TCP"
	ProtocolUDP         Protocol = "UDP"
	ProtocolUnsupported Protocol = "UNSUPPORTED" // not declared: a sidecar sniffs, a gateway does not
)

// ServicePortProtocol is what Istio's ConvertProtocol says of a Service port.
func ServicePortProtocol(port *core.ServicePort) Protocol { panic("pending") }

// IsHTTP2 says that a gateway speaks HTTP/2 to a port of this protocol (GRPC, GRPC-Web, HTTP2).
func (p Protocol) IsHTTP2() bool { panic("pending") }

// Evidence is why a port is taken to be gRPC.
type Evidence struct {
	// Text is a clause: "container port named grpc".
	Text string
	// Strength is the rank in CHECKS.md: 1 is the strongest (the user's own flag), 6 weak.
	Strength int
}

// ExposedPort is a Service port with gRPC evidence.
type ExposedPort struct {
	Service *core.Service
	// Index is the port's place in the Service; Port points at it.
	Index int
	Port  *core.ServicePort
	// Workloads are those that the Service selects.
	Workloads []*Workload
	// Evidence is why it is gRPC, strongest first.
	Evidence []Evidence
	// Routed says that some gateway route leads to it, through delegates too (VirtualService, GRPCRoute, HTTPRoute).
	Routed bool
}

// Weak says that nothing but weak evidence speaks for gRPC: never ground for an error.
func (e *ExposedPort) Weak() bool { panic("pending") }

// ExposedPorts are all exposed ports, by Service and place. Infrastructure has none.
func (s *Snapshot) ExposedPorts() []*ExposedPort { panic("pending") }

// ExposedPortsOf are those of one Service.
func (s *Snapshot) ExposedPortsOf(service *core.Service) []*ExposedPort { panic("pending") }

// ExposedWorkloads are the workloads behind exposed ports, each with the ports that lead to it.
func (s *Snapshot) ExposedWorkloads() map[*Workload][]*ExposedPort { panic("pending") }

// ServicesSelecting are the Services whose selector matches the workload's pods, by name.
func (s *Snapshot) ServicesSelecting(w *Workload) []*core.Service { panic("pending") }

// WorkloadsOf are the workloads whose pods the Service selects.
func (s *Snapshot) WorkloadsOf(service *core.Service) []*Workload { panic("pending") }

// TargetPort is the container port number that a Service port leads to in pods of the template, and the container that
// declares it (nil if none does). ok is false for a name that no container declares.
func TargetPort(port *core.ServicePort, template *core.PodTemplateSpec) (number int32, container *core.Container, ok bool) {
	panic("pending")
}

// CandidatePort is a port of a workload on which a gRPC server may listen.
type CandidatePort struct {
	Number   int32
	Name     string
	Evidence []Evidence
}

// GRPCCandidates are the ports of the workload with gRPC evidence (its own container ports and probes, and the Service
// ports that lead to them), strongest evidence first, then by number. Weak ones count only if there is no other.
func (s *Snapshot) GRPCCandidates(w *Workload) []CandidatePort { panic("pending") }

// IsInfrastructure says that a workload is the control plane's, a gateway, a waypoint or ztunnel.
func (s *Snapshot) IsInfrastructure(w *Workload) bool { panic("pending") }

// IsInfrastructureService says the same of a Service.
func (s *Snapshot) IsInfrastructureService(service *core.Service) bool { panic("pending") }

// PortNameReferences says what refers to a Service's port by its name (Ingress backends, ServiceMonitors, …), one clause each.
func (s *Snapshot) PortNameReferences(service *core.Service, portName string) []string {
	panic("pending")
}
