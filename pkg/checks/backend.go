package checks

import (
	"maps"
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Backend is a set of pods of one shape behind an exposed port.
type Backend struct {
	Namespace string
	// workload is nil where only pods are known.
	workload *workload.Workload
	Template *core.PodTemplateSpec
	// pods are those that are known.
	Pods []*core.Pod
	// labels are the template's, with what all of the pods have besides: the injector adds some.
	Labels map[string]string
	// port is the one on the pods.
	Port int32
	// proxied and bare say whether some of the pods have a proxy, and whether some have none.
	proxied, Bare bool
	// ambient pods are ztunnel's.
	Ambient bool
}

// String is how messages name the pods.
func (b Backend) String() string {
	if b.workload != nil {
		return b.workload.Key.String()
	}
	return "the pods of namespace " + b.Namespace
}

// Enforces reports whether a proxy stands before the port in some of the pods, so that mesh policies are in force there.
func (b Backend) Enforces() bool {
	_, captured := proxy.InboundCapture(b.Template.Annotations, b.Port)
	return b.proxied && captured
}

// CapturedByZtunnel reports whether ztunnel takes what a gateway sends to the pods of the Service: they are in ambient mode, and the gateway goes
// past the waypoint.
func (b Backend) CapturedByZtunnel(p *Pass, service *core.Service) bool {
	return b.Ambient && (len(b.Pods) == 0 || proxy.IsRedirected(b.Pods)) && !gatewayapi.IngressMayUseWaypoint(p.Snapshot, service)
}

// BackendsOf are the pods behind an exposed port: one for each workload, and one for each pod of an owner that is not known.
// Whether they have proxies say the pods, or where none are known (in files) what a webhook would do.
func BackendsOf(p *Pass, port *exposure.ExposedPort) []Backend {
	return mesh.Remember(p.Snapshot, backendsMemory{port}, func() []Backend { return findBackends(p, port) })
}

type backendsMemory struct{ of *exposure.ExposedPort }

func findBackends(p *Pass, port *exposure.ExposedPort) []Backend {
	var backends []Backend
	for _, w := range port.Workloads {
		number, _, ok := workload.TargetPort(port.Port, w.Template)
		if !ok {
			continue
		}
		found := Backend{
			Namespace: w.Namespace(), workload: w, Template: w.Template, Port: number,
			Ambient: proxy.IsAmbient(p.Snapshot, w.Namespace(), w.Template),
		}
		found.Pods = workload.PodsOf(p.Snapshot, w)
		for _, pod := range found.Pods {
			found.addPod(p, pod)
		}
		found.Labels = labelsWith(w.Template.Labels, found.Pods)
		if !found.proxied && !found.Bare {
			found.proxied, found.Bare = ProxiesAfterRestart(p, w)
		}
		backends = append(backends, found)
	}
	for _, pod := range workload.StrayPodsSelected(p.Snapshot, port.Service.Namespace, port.Service.Spec.Selector) {
		template := workload.PodTemplate(pod)
		if number, _, ok := workload.TargetPort(port.Port, template); ok {
			found := Backend{Namespace: pod.Namespace, Template: template, Labels: pod.Labels, Port: number, Ambient: proxy.IsAmbient(p.Snapshot, pod.Namespace, template), Pods: []*core.Pod{pod}}
			found.addPod(p, pod)
			backends = append(backends, found)
		}
	}
	return backends
}

// ProxiesAfterRestart says whether pods made now would have a proxy, or would have none; neither where the webhooks or the namespace's
// labels are not known.
func ProxiesAfterRestart(p *Pass, workload *workload.Workload) (proxied, bare bool) {
	if GetsProxy(p, workload) {
		return true, false
	}
	_, noWebhooks := p.Unknown(mesh.KindWebhook, "", "")
	_, noNamespace := p.Unknown(mesh.KindNamespace, "", workload.Namespace())
	if noWebhooks || noNamespace && !hasNamespace(p, workload.Namespace()) {
		return false, false
	}
	return false, true
}

// labelsWith are those of a template with what all of the pods have besides.
func labelsWith(template map[string]string, pods []*core.Pod) map[string]string {
	if len(pods) == 0 {
		return template
	}
	all := maps.Clone(template)
	if all == nil {
		all = map[string]string{}
	}
	for key, value := range pods[0].Labels {
		differs := func(pod *core.Pod) bool {
			found, has := pod.Labels[key]
			return !has || found != value
		}
		if _, stated := template[key]; !stated && !slices.ContainsFunc(pods, differs) {
			all[key] = value
		}
	}
	return all
}

func hasNamespace(p *Pass, name string) bool {
	_, there := p.Namespaces().Get("", name)
	return there
}

func (b *Backend) addPod(p *Pass, pod *core.Pod) {
	if _, proxied := proxy.OfWorkload(p.Snapshot, pod); proxied {
		b.proxied = true
	} else {
		b.Bare = true
	}
}

// IsOfSubset reports whether the pods are among those that the subset selects.
func IsOfSubset(p *Pass, c Caller, port *exposure.ExposedPort, name string, b Backend) bool {
	rule := policy.DestinationRuleFor(p.Snapshot, c.Client, host.ServiceHost(port.Service), port.Service.Namespace)
	subset, ok := rule.Subset(name)
	return !ok || mesh.HasLabels(b.Labels, subset.Spec.GetLabels())
}

// GetsProxy reports whether new pods of the workload have a proxy.
func GetsProxy(p *Pass, w *workload.Workload) bool {
	return proxy.InjectionOf(p.Snapshot, w).Injected || proxy.InjectedByHand(w)
}
