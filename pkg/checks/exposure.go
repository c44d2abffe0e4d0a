package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// exposureReads are the kinds on which the question rests which ports are exposed, and exposureConsults those that only add
// to the evidence, or say what routes lead there.
var (
	ExposureReads    = []mesh.Kind{mesh.KindService, mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet}
	ExposureConsults = []mesh.Kind{
		mesh.KindPod, mesh.KindVirtualService, mesh.KindGateway, mesh.KindConfigMap, mesh.KindNamespace,
		mesh.KindGRPCRoute, mesh.KindHTTPRoute, mesh.KindKubernetesGateway, mesh.KindGatewayClass, mesh.KindReferenceGrant,
		mesh.KindListenerSet,
	}
)

// EvidenceOf are the clauses that say why the port is gRPC.
func EvidenceOf(port *exposure.ExposedPort) []string {
	clauses := make([]string, 0, len(port.Evidence))
	for _, evidence := range port.Evidence {
		clauses = append(clauses, evidence.Text)
	}
	return clauses
}

// OnWordOf are the objects that say that ports are gRPC: their Services, and what leads to them in other namespaces.
func OnWordOf(ports ...*exposure.ExposedPort) []mesh.Key {
	var keys []mesh.Key
	for _, port := range ports {
		keys = append(append(keys, mesh.KeyOf(port.Service)), port.Others...)
	}
	return keys
}

// ErrorUnlessWeak is Error, or Warning where nothing but weak evidence says that the port is gRPC.
func ErrorUnlessWeak(ports ...*exposure.ExposedPort) Level {
	for _, port := range ports {
		if !port.Weak() {
			return Error
		}
	}
	return Warning
}

// PortField is the path of a field of an exposed Service port; without one, of the port itself.
func PortField(port *exposure.ExposedPort, field ...string) plan.Path {
	return plan.PathOf("spec", "ports", port.Index, field)
}

// PortText names a Service port in a message: "port 8000 (http)".
func PortText(port *exposure.ExposedPort) string {
	if port.Port.Name == "" {
		return fmt.Sprintf("port %d", port.Port.Port)
	}
	return fmt.Sprintf("port %d (%s)", port.Port.Port, port.Port.Name)
}

// PortsText names the Service ports that lead to a workload: "port 8000 (grpc) of Service greeter".
func PortsText(ports []*exposure.ExposedPort) string {
	texts := make([]string, 0, len(ports))
	for _, port := range ports {
		texts = append(texts, PortText(port)+" of Service "+port.Service.Name)
	}
	return strings.Join(texts, " and ")
}

// UpperFirst is a text as the beginning of a sentence.
func UpperFirst(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// WithoutKinds are the kinds but some.
func WithoutKinds(kinds []mesh.Kind, without ...mesh.Kind) []mesh.Kind {
	return slices.DeleteFunc(slices.Clone(kinds), func(kind mesh.Kind) bool { return slices.Contains(without, kind) })
}

// WorkloadNames are their keys as messages name them.
func WorkloadNames(workloads []*workload.Workload) []string {
	names := make([]string, 0, len(workloads))
	for _, workload := range workloads {
		names = append(names, workload.Key.String())
	}
	return names
}

// WorkloadKinds are what gateway pods are found by.
var WorkloadKinds = []mesh.Kind{mesh.KindPod, mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet}
