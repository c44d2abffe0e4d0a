package workload

import (
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var noReadyPods = &checks.Check{
	ID:     "GX202",
	Slug:   "no-ready-pods",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "No pod is ready to take calls",
	What: "A workload behind an exposed port has no ready replica, or is scaled to zero, and no other workload or pod behind the same " +
		"port takes the calls. A canary to which routes give weight 0 may be scaled to zero, and so may a Deployment from which an Argo " +
		"Rollout takes its template, or that a KEDA ScaledObject scales.",
	Why:    "Only ready pods are endpoints of a Service; the gateway has nowhere to send the calls.",
	Client: "`UNAVAILABLE`, with the message `no healthy upstream`.",
	Bad: example.GreeterNamespace + `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: greeter, namespace: demo}
spec:
  replicas: 0
  selector: {matchLabels: {app: greeter}}
  template:
    metadata: {labels: {app: greeter}}
    spec:
      containers:
      - name: greeter
        image: registry.example.com/greeter:1.0
        ports: [{name: grpc, containerPort: 50051}]
        readinessProbe: {grpc: {port: 50051}}
` + example.GreeterService + example.GreeterRoute,
	Good:     example.GreeterWorkload + example.GreeterService + example.GreeterRoute,
	Reads:    checks.ExposureReads,
	Consults: slices.Concat(checks.ExposureConsults, workload.ScalingKinds),
	Since:    "v0.1.0",
	Passing:  true,
	Run: func(p *checks.Pass) {
		for workload, ports := range exposure.EachWorkload(p.Snapshot) {
			reportNoReadyPods(p, workload, ports)
		}
	},
}

func reportNoReadyPods(p *checks.Pass, w *workload.Workload, ports []*exposure.ExposedPort) {
	why, path := notServing(p, w)
	if why == "" {
		return
	}
	// The idle side of a blue-green deployment, and a canary between two releases, are scaled to zero on purpose.
	if !slices.ContainsFunc(ports, func(port *exposure.ExposedPort) bool {
		return !servedByAnother(p, port, w) && !servedByPods(p, port, w) && !standsBy(p, port)
	}) {
		return
	}
	p.Report(checks.Finding{
		Level:    checks.ErrorUnlessWeak(ports...),
		Object:   w.Object,
		Path:     path,
		Message:  fmt.Sprintf("%s has no pod that takes the calls of %s: %s.", w.Key, checks.PortsText(ports), why),
		Evidence: checks.EvidenceOf(ports[0]),
		Symptom:  "UNAVAILABLE: no healthy upstream",
		Fix:      checks.Fix{Text: readyFix(w, path)},
	})
}

// readyFix is the next step, by the field that keeps the workload from having pods, if one does.
func readyFix(w *workload.Workload, path plan.Path) string {
	switch {
	case path == nil:
		return fmt.Sprintf("Find out why the pods of %s are not ready: kubectl describe pod -n %s.", w.Key, inert.Word(w.Namespace()))
	case w.Key.Kind == mesh.KindDaemonSet:
		return fmt.Sprintf("Compare the nodeSelector, affinity and tolerations of %s with the nodes: kubectl get nodes --show-labels.", w.Key)
	default:
		return fmt.Sprintf("Scale %s up, to two replicas at least.", w.Key)
	}
}

// notServing says why no pod of the workload takes calls, as a clause, with the field that says so, if one does. It is empty
// where some pod does, or where that cannot be known, as of a manifest without status.
func notServing(p *checks.Pass, w *workload.Workload) (why string, path plan.Path) {
	switch {
	case w.Replicas == 0 && scaledToZeroOnPurpose(p, w):
		return "", nil
	case w.Replicas == 0 && w.Key.Kind != mesh.KindDaemonSet:
		return "it is scaled to 0 replicas", plan.PathOf("spec", "replicas")
	case w.HasStatus && w.Replicas == 0:
		return "there is no node that it is to run on", plan.PathOf("spec", "template", "spec")
	case w.HasStatus && w.ReadyReplicas == 0:
		return fmt.Sprintf("0 of its %d replicas are ready", w.Replicas), nil
	case !w.HasStatus && allUnready(workload.PodsOf(p.Snapshot, w)):
		return "none of its pods is ready", nil
	default:
		return "", nil
	}
}

// scaledToZeroOnPurpose reports whether an Argo Rollout runs the pods in the workload's place, or a KEDA ScaledObject starts them when
// they are wanted.
func scaledToZeroOnPurpose(p *checks.Pass, w *workload.Workload) bool {
	scaling := workload.ScalingOf(p.Snapshot, w)
	return scaling.RunBy != nil || scaling.ScaledBy != nil
}

func servedByAnother(p *checks.Pass, port *exposure.ExposedPort, w *workload.Workload) bool {
	return slices.ContainsFunc(port.Workloads, func(other *workload.Workload) bool {
		why, _ := notServing(p, other)
		return other != w && why == "" && !checks.TargetIn(port.Port, other).Lacks()
	})
}

// servedByPods reports whether pods of another controller, of a kind that is not read, take the port's calls: an Argo Rollout scales
// the Deployment down from which it takes the template.
func servedByPods(p *checks.Pass, port *exposure.ExposedPort, w *workload.Workload) bool {
	return slices.ContainsFunc(workload.PodsSelected(p.Snapshot, port.Service.Namespace, port.Service.Spec.Selector), func(pod *core.Pod) bool {
		controller, known := workload.ControllerOf(pod)
		return known && controller != w.Key && !saysUnready(pod)
	})
}

// saysUnready reports whether a pod has reported that it is not ready. One of which only the metadata was read says nothing.
func saysUnready(pod *core.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(condition core.PodCondition) bool {
		return condition.Type == core.PodReady && condition.Status == core.ConditionFalse
	})
}

// standsBy reports whether routes lead to the port's Service with weight 0 only, as to a canary between two releases.
func standsBy(p *checks.Pass, port *exposure.ExposedPort) bool {
	waits := false
	for _, virtualService := range p.VirtualServices().All() {
		for _, rule := range virtualService.Spec.GetHttp() {
			for _, route := range rule.GetRoute() {
				if host.ResolveHost(route.GetDestination().GetHost(), virtualService.Namespace) != host.ServiceHost(port.Service) {
					continue
				}
				if route.Weight != 0 || len(rule.Route) == 1 {
					return false
				}
				waits = true
			}
		}
	}
	leadsThere := func(route *gatewayapi.APIRoute) func(gatewayapi.APIBackend) bool {
		return func(backend gatewayapi.APIBackend) bool {
			service, _, _ := gatewayapi.BackendService(p.Snapshot, route, backend)
			return service == port.Service
		}
	}
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		if slices.ContainsFunc(route.Backends, leadsThere(route)) {
			return false
		}
		waits = waits || slices.ContainsFunc(route.StandBy, leadsThere(route))
	}
	return waits
}

// allUnready reports whether there are pods, and that each has reported that it is not ready.
func allUnready(pods []*core.Pod) bool {
	return len(pods) > 0 && !slices.ContainsFunc(pods, func(pod *core.Pod) bool { return !saysUnready(pod) })
}
