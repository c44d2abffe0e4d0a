package plugin

import (
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

const grpcPortUsage = "A port that is gRPC though nothing says so, as NAME:PORT of a Service or workload (orders:8080, orders:admin); may be repeated"

// toGRPCPorts reads the values of --grpc-port.
func toGRPCPorts(values []string) ([]mesh.GRPCPort, error) {
	var ports []mesh.GRPCPort
	for _, value := range values {
		name, port, ok := strings.Cut(value, ":")
		if !ok || name == "" || port == "" {
			return nil, usage("--grpc-port %q: give the name of a Service or workload and a port of it, as orders:8080", value)
		}
		ports = append(ports, mesh.GRPCPort{Name: name, Port: port})
	}
	return ports, nil
}
