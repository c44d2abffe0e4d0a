package service

import (
	"fmt"
	"maps"
	"slices"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var headlessService = &checks.Check{
	ID:     "GX305",
	Slug:   "headless-service",
	Levels: []checks.Level{checks.Warning},
	Title:  "A headless Service is not balanced per request inside the mesh",
	What: "A Service with an exposed port is headless (`clusterIP: None`), and no Service with an address of its own is beside it for the " +
		"same pods and port.",
	Why: "The name of a headless Service means the addresses of its pods. The caller picks one of them when it connects, and its " +
		"sidecar passes the connection on to that pod. A gateway is no such caller: it knows the pods from Istio and balances.",
	Client: "Calls work. All calls that a client in the mesh makes over one connection go to one pod.",
	Bad: example.GreeterWorkload + `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  clusterIP: None
  selector: {app: greeter}
  ports: [{name: grpc, port: 8000, targetPort: 50051}]
`,
	Good: example.GreeterWorkload + example.GreeterService + `---
apiVersion: v1
kind: Service
metadata: {name: greeter-pods, namespace: demo}
spec:
  clusterIP: None
  selector: {app: greeter}
  ports: [{name: grpc, port: 8000, targetPort: 50051}]
`,
	Reads:    checks.ExposureReads,
	Consults: checks.ExposureConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, port := range exposure.ExposedPorts(p.Snapshot) {
			if workload.IsHeadless(port.Service) && port.Port.Protocol == core.ProtocolTCP && !port.MeantAsTCP && !isForOnePod(port.Service) && !hasBalancedTwin(p, port) {
				p.Report(checks.Finding{
					Object: port.Service,
					Path:   plan.PathOf("spec", "clusterIP"),
					Message: fmt.Sprintf("Service %s is headless: callers in the mesh choose a pod when they connect to %s, and stay with it.",
						port.Service.Name, checks.PortText(port)),
					Evidence: checks.EvidenceOf(port),
					Symptom:  headlessSymptom(port),
					Fix:      serviceBeside(p, port),
				})
			}
		}
	},
}

// isForOnePod reports whether the Service means one pod of a StatefulSet: there is nothing to balance over.
func isForOnePod(service *core.Service) bool {
	return service.Spec.Selector[apps.StatefulSetPodNameLabel] != "" || service.Spec.Selector[apps.PodIndexLabel] != ""
}

func headlessSymptom(port *exposure.ExposedPort) string {
	if port.Routed {
		return "all calls of a client in the mesh stay on one pod; the gateway balances"
	}
	return "all calls of a client in the mesh stay on one pod"
}

// hasBalancedTwin reports whether a Service with an address of its own selects the same pods and leads to the same port.
func hasBalancedTwin(p *checks.Pass, port *exposure.ExposedPort) bool {
	if !workload.HasEndpoints(port.Service) {
		return false
	}
	beside := p.Services().In(port.Service.Namespace)
	if len(port.Workloads) > 0 {
		beside = workload.ServicesSelecting(p.Snapshot, port.Workloads[0])
	}
	return slices.ContainsFunc(beside, func(service *core.Service) bool {
		return workload.HasEndpoints(service) && !workload.IsHeadless(service) && maps.Equal(service.Spec.Selector, port.Service.Spec.Selector) &&
			slices.ContainsFunc(service.Spec.Ports, func(other core.ServicePort) bool {
				return other.Protocol == port.Port.Protocol && sameTarget(&other, port)
			})
	})
}

// sameTarget reports whether another port for the same pods leads to the same port of theirs, by name or number.
func sameTarget(other *core.ServicePort, port *exposure.ExposedPort) bool {
	return other.TargetPort == port.Port.TargetPort || slices.ContainsFunc(port.Workloads, func(w *workload.Workload) bool {
		mine, _, found := workload.TargetPort(port.Port, w.Template)
		theirs, _, foundToo := workload.TargetPort(other, w.Template)
		return found && foundToo && mine == theirs
	})
}

// serviceBeside is a ClusterIP Service for the same pods and port. A copy of a port that is no gRPC to Istio, or leads nowhere, would
// be no help.
func serviceBeside(p *checks.Pass, port *exposure.ExposedPort) checks.Fix {
	fix := checks.Fix{Text: fmt.Sprintf("Make a ClusterIP Service for the same pods beside %s, and let callers use that.", port.Service.Name)}
	name := port.Service.Name + "-balanced"
	_, taken := p.Services().Get(port.Service.Namespace, name)
	if taken || len(name) > 63 || !port.Protocol().IsHTTP2() || !workload.HasEndpoints(port.Service) || leadsNowhere(p, port) {
		return fix
	}
	service := &core.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: port.Service.Namespace, Labels: maps.Clone(port.Service.Labels)},
		Spec: core.ServiceSpec{
			Selector: port.Service.Spec.Selector,
			Ports: []core.ServicePort{{
				Name: port.Port.Name, Port: port.Port.Port, Protocol: port.Port.Protocol,
				TargetPort: port.Port.TargetPort, AppProtocol: port.Port.AppProtocol,
			}},
		},
	}
	form, err := mesh.ToUnstructured(service)
	if err != nil {
		return fix
	}
	return checks.Fix{
		Text:     fmt.Sprintf("Create the ClusterIP Service %s for the same pods, and let callers use that.", name),
		Level:    checks.Ask,
		OnWordOf: checks.OnWordOf(port),
		Changes:  []plan.Change{{Action: plan.Create, Object: form, Reason: "calls to an address of its own are balanced per request"}},
	}
}

// leadsNowhere reports whether no pods are there for the port, or some that do not have it.
func leadsNowhere(p *checks.Pass, port *exposure.ExposedPort) bool {
	return lacksAny([]*exposure.ExposedPort{port}, port.Workloads...) ||
		len(port.Workloads) == 0 && len(workload.PodsSelected(p.Snapshot, port.Service.Namespace, port.Service.Spec.Selector)) == 0
}
