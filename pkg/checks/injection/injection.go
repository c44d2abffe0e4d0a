package injection

import (
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// inMeshSymptom is what pods without a proxy mean to gRPC clients.
const inMeshSymptom = "calls through a gateway work; calls that these pods make inside the mesh are balanced per connection, " +
	"and what demands mutual TLS or a policy by identity does not hold for them"

// injectionReads are the kinds that the injection of exposed workloads rests on, and injectionReadsAnd the same with more.
var injectionReads = injectionReadsAnd()

func injectionReadsAnd(more ...mesh.Kind) []mesh.Kind {
	return slices.Concat(checks.ExposureReads, []mesh.Kind{mesh.KindNamespace, mesh.KindWebhook}, more)
}

// consultsBeside are the kinds that a check with these Reads consults: those that exposure does, and more.
func consultsBeside(reads []mesh.Kind, more ...mesh.Kind) []mesh.Kind {
	// Whether pods would start with a proxy rests on PeerAuthentications too; see checks.FailsWithProxy.
	consulted := slices.Concat(checks.ExposureConsults, more, []mesh.Kind{mesh.KindPeerAuthentication})
	var beside []mesh.Kind
	for _, kind := range consulted {
		if !slices.Contains(reads, kind) && !slices.Contains(beside, kind) {
			beside = append(beside, kind)
		}
	}
	return beside
}

// exposedWorkload is a workload behind exposed ports.
type exposedWorkload struct {
	*workload.Workload
	Ports []*exposure.ExposedPort
}

// exposedWorkloads are those of the mesh, by kind, namespace and name.
func exposedWorkloads(p *checks.Pass) []exposedWorkload {
	var workloads []exposedWorkload
	for workload, ports := range exposure.EachWorkload(p.Snapshot) {
		if ports = slices.DeleteFunc(slices.Clone(ports), (*exposure.ExposedPort).ForProxies); len(ports) > 0 {
			workloads = append(workloads, exposedWorkload{workload, ports})
		}
	}
	return workloads
}

// exposedNamespace is the exposed workloads of a namespace.
type exposedNamespace struct {
	Name      string
	Labels    map[string]string
	Workloads []exposedWorkload
}

// exposedNamespaces are those whose labels are known, by name. For the others the check is reported as skipped.
func exposedNamespaces(p *checks.Pass) []exposedNamespace {
	byName := map[string]*exposedNamespace{}
	var names []string
	for _, workload := range exposedWorkloads(p) {
		name := workload.Namespace()
		if byName[name] == nil {
			byName[name] = &exposedNamespace{Name: name, Labels: proxy.NamespaceLabels(p.Snapshot, name)}
			names = append(names, name)
		}
		byName[name].Workloads = append(byName[name].Workloads, workload)
	}
	slices.Sort(names)
	var namespaces []exposedNamespace
	for _, name := range names {
		if knowsNamespace(p, name) {
			namespaces = append(namespaces, *byName[name])
		}
	}
	return namespaces
}

// knowsNamespace reports whether the labels of a namespace are known.
func knowsNamespace(p *checks.Pass, name string) bool {
	if _, ok := p.Namespaces().Get("", name); ok {
		return true
	}
	return p.Missing(mesh.KindNamespace, "", name)
}

// namespaceObject is the namespace itself, or where no object was read one that has its name.
func namespaceObject(p *checks.Pass, name string) *core.Namespace {
	if namespace, ok := p.Namespaces().Get("", name); ok {
		return namespace
	}
	return &core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// activeInjectors are the injector webhooks that can select something.
func activeInjectors(p *checks.Pass) []*proxy.Injector {
	return slices.DeleteFunc(slices.Clone(proxy.Injectors(p.Snapshot)), (*proxy.Injector).Deactivated)
}

// errorUnlessAllWeak is Error, or Warning where nothing but weak evidence says that any of the workloads serves gRPC.
func errorUnlessAllWeak(workloads []exposedWorkload) checks.Level {
	var ports []*exposure.ExposedPort
	for _, workload := range workloads {
		ports = append(ports, workload.Ports...)
	}
	return checks.ErrorUnlessWeak(ports...)
}

// routed reports whether some gateway route leads to the workload.
func (w exposedWorkload) routed() bool {
	return slices.ContainsFunc(w.Ports, func(port *exposure.ExposedPort) bool { return port.Routed })
}

// evidence is why the workload counts as exposed: its first port and the strongest thing that says gRPC.
func (w exposedWorkload) evidence() string {
	port := w.Ports[0]
	return fmt.Sprintf("%s leads to it with %s: %s", mesh.KeyOf(port.Service), checks.PortText(port), port.Evidence[0].Text)
}

// weak reports whether nothing but weak evidence says that the workload serves gRPC.
func (w exposedWorkload) weak() bool { return checks.ErrorUnlessWeak(w.Ports...) != checks.Error }

// servingEvidence names the exposed workloads of a namespace, the first few of them.
func servingEvidence(workloads []exposedWorkload) []string {
	const few = 3
	var evidence []string
	for i, workload := range workloads {
		if i == few {
			return append(evidence, fmt.Sprintf("%d more workloads there serve gRPC", len(workloads)-few))
		}
		evidence = append(evidence, fmt.Sprintf("%s serves gRPC: %s", workload.Key, workload.evidence()))
	}
	return evidence
}

// labelText is a label of a namespace as evidence.
func labelText(name, key, value string) string {
	return fmt.Sprintf("namespace %s has the label %s=%s", name, key, value)
}

// namespaceLabelPath is the path of a namespace's label.
func namespaceLabelPath(key string) plan.Path { return plan.PathOf("metadata", "labels", key) }
