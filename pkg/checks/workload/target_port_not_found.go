package workload

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

var targetPortNotFound = &checks.Check{
	ID:     "GX201",
	Slug:   "target-port-not-found",
	Levels: []checks.Level{checks.Error, checks.Warning, checks.Info},
	Title:  "A Service port leads to a container port that is not there",
	What: "The `targetPort` of an exposed Service port is a name that no container of the selected pods declares, or (info) a number " +
		"that none declares although they declare others. Containers that an injector adds to the running pods count.",
	Why: "Kubernetes looks a named `targetPort` up in every pod by name and protocol, and makes no endpoint for a pod without it. " +
		"A number is used as it is: declared ports are only information, so that a number that is not among them is probably, " +
		"not certainly, wrong.",
	Client: "`UNAVAILABLE`: without endpoints the gateway answers 503; where nothing listens on the number, the connection is refused.",
	Bad: example.GreeterWorkload + `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  selector: {app: greeter}
  ports: [{name: grpc, port: 8000, targetPort: api}]
` + example.GreeterRoute,
	Good:     example.GreeterWorkload + example.GreeterService + example.GreeterRoute,
	Reads:    checks.ExposureReads,
	Consults: slices.Concat(checks.ExposureConsults, []mesh.Kind{mesh.KindEndpointSlice}),
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, port := range exposure.ExposedPorts(p.Snapshot) {
			reportTargetNotFound(p, port)
		}
	},
}

func reportTargetNotFound(p *checks.Pass, port *exposure.ExposedPort) {
	if len(port.Workloads) == 0 || hasEndpoints(p, port) || mayHaveEndpoints(p, port) || slices.ContainsFunc(port.Workloads, func(w *workload.Workload) bool {
		return !checks.TargetIn(port.Port, w).Lacks() || runsWithTarget(p, port.Port, w)
	}) {
		return
	}
	workload, names := port.Workloads[0], checks.WorkloadNames(port.Workloads)
	finding := checks.Finding{
		Level:    checks.ErrorUnlessWeak(port),
		Object:   port.Service,
		Path:     checks.PortField(port, "targetPort"),
		Evidence: checks.EvidenceOf(port),
		Symptom:  "UNAVAILABLE: the Service has no endpoints",
		Message: fmt.Sprintf("No container of %s declares a %s port named %q, to which %s leads.",
			strings.Join(names, " or "), port.Port.Protocol, port.Port.TargetPort.StrVal, checks.PortText(port)),
	}
	if checks.TargetIn(port.Port, workload) == checks.TargetUndeclared {
		finding.Level = checks.Info
		finding.Symptom = "UNAVAILABLE: connection refused, if the server does not listen there"
		finding.Message = fmt.Sprintf("No container of %s declares port %d, to which %s leads, although they declare others.",
			strings.Join(names, " or "), port.Port.TargetPort.IntVal, checks.PortText(port))
	}
	if clause := otherTransport(port.Port, workload); clause != "" {
		finding.Evidence = append(finding.Evidence, clause)
	}
	finding.Fix = retarget(p, port, workload)
	p.Report(finding)
}

// runsWithTarget reports whether a running pod of the workload has a container that declares the port, though its template has none: an
// injector, such as Dapr's, added it.
func runsWithTarget(p *checks.Pass, port *core.ServicePort, w *workload.Workload) bool {
	return slices.ContainsFunc(workload.LivePodsOf(p.Snapshot, w), func(pod *core.Pod) bool {
		_, container, ok := workload.TargetPort(port, workload.PodTemplate(pod))
		return ok && container != nil
	})
}

// mayHaveEndpoints reports whether the containers of running pods are not known, nor what Kubernetes found in them.
func mayHaveEndpoints(p *checks.Pass, port *exposure.ExposedPort) bool {
	unread := slices.ContainsFunc(port.Workloads, func(w *workload.Workload) bool {
		return slices.ContainsFunc(workload.LivePodsOf(p.Snapshot, w), func(pod *core.Pod) bool { return len(pod.Spec.Containers) == 0 })
	})
	return unread && port.Port.TargetPort.Type == intstr.String && len(workload.EndpointSlicesOf(p.Snapshot, port.Service)) == 0
}

// hasEndpoints reports whether Kubernetes has found the named port in pods. Of pods of a live cluster the containers may not be known.
// Source: Kubernetes staging/src/k8s.io/endpointslice/utils.go (getEndpointPorts): pods without the name are not in the slices that
// have the port.
func hasEndpoints(p *checks.Pass, port *exposure.ExposedPort) bool {
	if port.Port.TargetPort.Type != intstr.String {
		return false
	}
	return slices.ContainsFunc(workload.EndpointSlicesOf(p.Snapshot, port.Service), func(slice *discovery.EndpointSlice) bool {
		return len(slice.Endpoints) > 0 &&
			slices.ContainsFunc(slice.Ports, func(found discovery.EndpointPort) bool {
				return found.Port != nil && workload.ValueOr(found.Name, "") == port.Port.Name
			})
	})
}

// otherTransport says that a container declares the target, but of another transport protocol; empty where none does.
func otherTransport(port *core.ServicePort, w *workload.Workload) string {
	for _, container := range workload.AppContainers(w.Template) {
		for _, declared := range container.Ports {
			if declared.Name != "" && declared.Name == port.TargetPort.StrVal || declared.ContainerPort == port.TargetPort.IntVal {
				return fmt.Sprintf("container %s declares port %d with protocol %s, which is another than %s",
					container.Name, declared.ContainerPort, declared.Protocol, port.Protocol)
			}
		}
	}
	return ""
}

// retarget leads the Service port to the one port of the workload that serves gRPC.
func retarget(p *checks.Pass, port *exposure.ExposedPort, w *workload.Workload) checks.Fix {
	undeclared := checks.TargetIn(port.Port, w) == checks.TargetUndeclared
	candidates := slices.DeleteFunc(exposure.GRPCCandidates(p.Snapshot, w), func(candidate exposure.CandidatePort) bool {
		return undeclared && candidate.Number == port.Port.TargetPort.IntVal
	})
	if len(port.Workloads) != 1 || len(candidates) != 1 {
		return checks.Fix{Text: fmt.Sprintf("Set the targetPort of %s to the port on which the gRPC server of %s listens.",
			checks.PortText(port), strings.Join(checks.WorkloadNames(port.Workloads), " and "))}
	}
	var value any = int64(candidates[0].Number)
	if port.Port.TargetPort.Type == intstr.String && candidates[0].Name != "" {
		value = candidates[0].Name
	}
	return checks.Fix{
		Text:  fmt.Sprintf("Set the targetPort of %s to %v.", checks.PortText(port), value),
		Level: checks.Ask,
		Changes: checks.SetField(p, port.Service, candidates[0].Evidence[0].Text, value,
			append(remedy.PortPath(port.Port.Port, port.Port.Protocol), "targetPort")...),
	}
}
