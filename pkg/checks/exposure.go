package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// exposureReads are the kinds on which the question rests which ports are exposed, and exposureConsults those that only add
// to the evidence, or say what routes lead there.
var (
	exposureReads    = []mesh.Kind{mesh.KindService, mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet}
	exposureConsults = []mesh.Kind{
		mesh.KindPod, mesh.KindVirtualService, mesh.KindGateway, mesh.KindConfigMap, mesh.KindNamespace,
		mesh.KindGRPCRoute, mesh.KindHTTPRoute, mesh.KindKubernetesGateway, mesh.KindGatewayClass, mesh.KindReferenceGrant,
	}
)

// evidenceOf are the clauses that say why the port is gRPC.
func evidenceOf(port *exposure.ExposedPort) []string {
	clauses := make([]string, 0, len(port.Evidence))
	for _, evidence := range port.Evidence {
		clauses = append(clauses, evidence.Text)
	}
	return clauses
}

// onWordOf are the objects that say that ports are gRPC: their Services, and what leads to them in other namespaces.
func onWordOf(ports ...*exposure.ExposedPort) []mesh.Key {
	var keys []mesh.Key
	for _, port := range ports {
		keys = append(append(keys, mesh.KeyOf(port.Service)), port.Others...)
	}
	return keys
}

// errorUnlessWeak is Error, or Warning where nothing but weak evidence says that the port is gRPC.
func errorUnlessWeak(ports ...*exposure.ExposedPort) Level {
	for _, port := range ports {
		if !port.Weak() {
			return Error
		}
	}
	return Warning
}

// portField is the path of a field of an exposed Service port; without a field, of the port itself.
func portField(port *exposure.ExposedPort, field string) string {
	path := fmt.Sprintf(".spec.ports[%d]", port.Index)
	if field != "" {
		path += "." + field
	}
	return path
}

// portText names a Service port in a message: "port 8000 (http)".
func portText(port *exposure.ExposedPort) string {
	if port.Port.Name == "" {
		return fmt.Sprintf("port %d", port.Port.Port)
	}
	return fmt.Sprintf("port %d (%s)", port.Port.Port, port.Port.Name)
}

// portsText names the Service ports that lead to a workload: "port 8000 (grpc) of Service greeter".
func portsText(ports []*exposure.ExposedPort) string {
	texts := make([]string, 0, len(ports))
	for _, port := range ports {
		texts = append(texts, portText(port)+" of Service "+port.Service.Name)
	}
	return strings.Join(texts, " and ")
}

// upperFirst is a text as the beginning of a sentence.
func upperFirst(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// withoutKinds are the kinds but some.
func withoutKinds(kinds []mesh.Kind, without ...mesh.Kind) []mesh.Kind {
	return slices.DeleteFunc(slices.Clone(kinds), func(kind mesh.Kind) bool { return slices.Contains(without, kind) })
}

func workloadNames(workloads []*workload.Workload) []string {
	names := make([]string, 0, len(workloads))
	for _, workload := range workloads {
		names = append(names, workload.Key.String())
	}
	return names
}

// workloadKinds are what gateway pods are found by.
var workloadKinds = []mesh.Kind{mesh.KindPod, mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet}
