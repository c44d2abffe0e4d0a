package exposure

import (
	"cmp"
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// CandidatePort is a port of a workload on which a gRPC server may listen.
type CandidatePort struct {
	Number int32
	// Name is that of the container port, empty where it has none or is not declared.
	Name     string
	Evidence []Evidence
}

type grpcCandidatesMemory mesh.Key

// GRPCCandidates are the ports of the workload with gRPC evidence (its own container ports and probes, and the Service
// ports that lead to them), strongest evidence first, then by number. Weak ones count only if there is no other.
func GRPCCandidates(s *mesh.Snapshot, w *workload.Workload) []CandidatePort {
	return slices.Clone(mesh.Remember(s, grpcCandidatesMemory(w.Key), func() []CandidatePort { return findCandidates(s, w) }))
}

func findCandidates(s *mesh.Snapshot, w *workload.Workload) []CandidatePort {
	if saysNone(w.Object) || saysNone(&w.Template.ObjectMeta) {
		return nil
	}
	evidence := map[int32][]Evidence{}
	names := map[int32]string{}
	for _, number := range declaredPorts(w, names) {
		evidence[number] = append(evidence[number], containerEvidence(w.Template, number)...)
		if !isProbedByPlainHTTP(w.Template, number) {
			evidence[number] = append(evidence[number], customEvidence("it is", number)...)
		}
		evidence[number] = append(evidence[number], saidOfContainerPort(s, w, number, names[number])...)
	}
	for _, service := range workload.ServicesSelecting(s, w) {
		for i := range service.Spec.Ports {
			port := &service.Spec.Ports[i]
			number, _, ok := workload.TargetPort(port, w.Template)
			if !ok || workload.TransportOf(port.Protocol) != core.ProtocolTCP {
				continue
			}
			said := slices.Concat(saidByService(s, service, port),
				servicePortEvidence(port, servesPlainHTTP(service, port, w.Template)), leadsTo(s, service, port.Port).evidence)
			for _, clause := range said {
				clause.Text = fmt.Sprintf("of the port of %s that leads to it: %s", mesh.KeyOf(service), clause.Text)
				evidence[number] = append(evidence[number], clause)
			}
		}
	}
	return rankCandidates(evidence, names)
}

// declaredPorts are the TCP port numbers that the containers, their gRPC probes and their settings name; names is filled with the names of the ports.
func declaredPorts(w *workload.Workload, names map[int32]string) []int32 {
	var numbers []int32
	for _, container := range workload.AppContainers(w.Template) {
		for _, port := range container.Ports {
			if workload.TransportOf(port.Protocol) != core.ProtocolTCP {
				continue
			}
			numbers = append(numbers, port.ContainerPort)
			names[port.ContainerPort] = cmp.Or(names[port.ContainerPort], port.Name)
		}
		for _, probe := range probesOf(container) {
			if probe.probe.GRPC != nil {
				numbers = append(numbers, probe.probe.GRPC.Port)
			}
		}
		for _, setting := range listenSettings(container) {
			numbers = append(numbers, setting.port)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

func rankCandidates(evidence map[int32][]Evidence, names map[int32]string) []CandidatePort {
	var candidates []CandidatePort
	for number, found := range evidence {
		if len(found) > 0 {
			candidates = append(candidates, CandidatePort{Number: number, Name: names[number], Evidence: byStrength(found)})
		}
	}
	isStrong := func(c CandidatePort) bool { return !isWeak(c.Evidence) }
	if slices.ContainsFunc(candidates, isStrong) {
		candidates = slices.DeleteFunc(candidates, func(c CandidatePort) bool { return !isStrong(c) })
	}
	slices.SortFunc(candidates, func(a, b CandidatePort) int {
		return cmp.Or(cmp.Compare(a.Evidence[0].Strength, b.Evidence[0].Strength), cmp.Compare(a.Number, b.Number))
	})
	return candidates
}
