package exposure

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// AnnotationGRPCPorts on a Service or workload is the user's own word: which of its ports are gRPC, by number or name with commas
// between, or "none".
const AnnotationGRPCPorts = "grpcexpose/grpc-ports"

// noPorts is the value of the annotation for none at all.
const noPorts = "none"

// annotated reports whether the annotation of an object names a port.
func annotated(object metav1.Object, number int32, name string) bool {
	for said := range strings.SplitSeq(object.GetAnnotations()[AnnotationGRPCPorts], ",") {
		said = strings.TrimSpace(said)
		if said != "" && (said == name || said == strconv.Itoa(int(number))) {
			return true
		}
	}
	return false
}

func saysNone(object metav1.Object) bool {
	return strings.TrimSpace(object.GetAnnotations()[AnnotationGRPCPorts]) == noPorts
}

// saidNone reports whether the Service, or each workload behind it, says that it has no gRPC port.
func saidNone(s *mesh.Snapshot, service *core.Service) bool {
	workloads := workload.WorkloadsOf(s, service)
	return saysNone(service) || len(workloads) > 0 && !slices.ContainsFunc(workloads, func(w *workload.Workload) bool {
		return !saysNone(w.Object) && !saysNone(&w.Template.ObjectMeta)
	})
}

// saidOfPort is the user's own word on a Service port, given on the Service, on a workload behind it or with --grpc-port.
func saidOfPort(s *mesh.Snapshot, service *core.Service, port *core.ServicePort) []Evidence {
	evidence := saidByService(s, service, port)
	for _, w := range workload.WorkloadsOf(s, service) {
		if number, container, ok := workload.TargetPort(port, w.Template); ok {
			name := ""
			if container != nil {
				name = nameOfPort(container, number)
			}
			evidence = append(evidence, saidOfContainerPort(s, w, number, name)...)
		}
	}
	return evidence
}

func saidByService(s *mesh.Snapshot, service *core.Service, port *core.ServicePort) []Evidence {
	var evidence []Evidence
	if annotated(service, port.Port, port.Name) {
		evidence = append(evidence, annotationEvidence(mesh.KeyOf(service)))
	}
	return append(evidence, flagEvidence(s, service.Name, port.Port, port.Name)...)
}

func saidOfContainerPort(s *mesh.Snapshot, w *workload.Workload, number int32, name string) []Evidence {
	var evidence []Evidence
	if annotated(w.Object, number, name) || annotated(&w.Template.ObjectMeta, number, name) {
		evidence = append(evidence, annotationEvidence(w.Key))
	}
	return append(evidence, flagEvidence(s, w.Name(), number, name)...)
}

func annotationEvidence(of mesh.Key) Evidence {
	return Evidence{fmt.Sprintf("annotation %s of %s says so", AnnotationGRPCPorts, of), EvidenceFlag}
}

func flagEvidence(s *mesh.Snapshot, of string, number int32, name string) []Evidence {
	var evidence []Evidence
	for _, said := range s.GRPCPorts() {
		if said.Name == of && (said.Port == name && name != "" || said.Port == strconv.Itoa(int(number))) {
			evidence = append(evidence, Evidence{fmt.Sprintf("--grpc-port %s:%s says so", said.Name, said.Port), EvidenceFlag})
		}
	}
	return evidence
}
