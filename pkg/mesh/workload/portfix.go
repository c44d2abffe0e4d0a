package workload

import (
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// PortFix is the least change that makes a Service port gRPC to Istio.
type PortFix struct {
	// Field of the port, "name" or "appProtocol", and the Value it gets.
	Field, Value string
	// Reason says why this field and not the other, as a clause.
	Reason string
}

// GRPCPortFix decides between the name and appProtocol: a port that has an appProtocol is what that says, whatever its name;
// a name that something refers to must stay; else the name is what everybody reads.
// Source: Istio pkg/config/kube/conversion.go, ConvertProtocol.
func GRPCPortFix(s *mesh.Snapshot, service *core.Service, port *core.ServicePort) PortFix {
	if port.AppProtocol != nil {
		return PortFix{Field: "appProtocol", Value: "grpc", Reason: "appProtocol wins over the name"}
	}
	if references := portNameReferences(s, service, port.Name); len(references) > 0 {
		return PortFix{Field: "appProtocol", Value: "grpc", Reason: "the name stays, because " + strings.Join(references, ", ")}
	}
	name := GRPCPortName(service, port)
	if name == "" {
		return PortFix{Field: "appProtocol", Value: "grpc", Reason: "no name that begins with grpc is free"}
	}
	return PortFix{Field: "name", Value: name, Reason: "nothing refers to the old name"}
}

// GRPCPortName is a name for the port that Istio reads as gRPC: "grpc", or if another port has that "grpc-<old name>", cut to
// the length of such names. It is empty where both are taken.
func GRPCPortName(service *core.Service, port *core.ServicePort) string {
	longer := "grpc-" + port.Name
	if len(longer) > validation.DNS1123LabelMaxLength {
		longer = strings.TrimRight(longer[:validation.DNS1123LabelMaxLength], "-")
	}
	for _, name := range []string{"grpc", longer} {
		taken := slices.ContainsFunc(service.Spec.Ports, func(other core.ServicePort) bool {
			return other.Name == name && (other.Port != port.Port || other.Protocol != port.Protocol)
		})
		if !taken {
			return name
		}
	}
	return ""
}
