package oracle

import (
	"cmp"
	"net"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// AskModelOfSidecars asks pkg/mesh the same.
func AskModelOfSidecars(m *Mesh) Facts {
	facts := Facts{}
	snapshot := m.Snapshot()
	for _, pod := range m.readyPods() {
		answer := &sidecarAnswer{snapshot: snapshot, pod: pod, facts: facts}
		answer.tellInbound()
		answer.tellCalled()
	}
	return facts
}

// sidecarAnswer is what the model has for one pod's sidecar.
type sidecarAnswer struct {
	snapshot *mesh.Snapshot
	pod      *core.Pod
	facts    Facts
}

func (a *sidecarAnswer) set(topic, subject, value string) {
	a.facts.set(topic, a.pod.Name+"."+a.pod.Namespace+" "+subject, value)
}

func (a *sidecarAnswer) tellInbound() {
	template := &core.PodTemplateSpec{ObjectMeta: a.pod.ObjectMeta, Spec: a.pod.Spec}
	for _, port := range policy.InboundPorts(a.snapshot, a.pod.Namespace, template) {
		subject := strconv.Itoa(int(port.Port))
		a.set(topicInbound, subject, readsText(port))
		if port.ReadsHTTP() {
			a.set(topicForwarded, subject, keepsText(port.KeepsHTTP2(a.snapshot, a.pod.Namespace, template))+" to "+a.forwardedTo(port))
		}
	}
}

func readsText(port policy.InboundPort) string {
	switch {
	case port.IsSniffed():
		return sniffed
	case port.ReadsHTTP():
		return asHTTP
	default:
		return asBytes
	}
}

// forwardedTo is the address that calls go on to: the ingress listener's, if it names one. 0.0.0.0 is the pod's own.
func (a *sidecarAnswer) forwardedTo(port policy.InboundPort) string {
	to := port.Ingress.GetDefaultEndpoint()
	if to == "" {
		return sameAddress
	}
	name, number, _ := net.SplitHostPort(to)
	if name == "0.0.0.0" {
		name = a.pod.Status.PodIP
	}
	return name + ":" + number
}

func (a *sidecarAnswer) tellCalled() {
	client := proxy.Client{Namespace: a.pod.Namespace, Labels: a.pod.Labels}
	for _, service := range a.snapshot.Services().All() {
		if service.Spec.Type == core.ServiceTypeExternalName {
			continue
		}
		for i := range service.Spec.Ports {
			port := &service.Spec.Ports[i]
			protocol := workload.ServicePortProtocol(port)
			if protocol.IsHTTP() || protocol == workload.ProtocolUnsupported {
				a.tellCalledPort(client, service, port.Port)
			}
		}
	}
}

func (a *sidecarAnswer) tellCalledPort(client proxy.Client, service *core.Service, port int32) {
	routing := policy.MeshRoutingFor(a.snapshot, client, service, port)
	if !routing.Known {
		return
	}
	var names []string
	for _, route := range routing.Routes {
		name := route.Rule.Spec.Name
		if match := route.MatchSpec().GetName(); match != "" {
			name += "." + match
		}
		names = append(names, name)
	}
	a.set(topicCalled, calledSubject(host.ServiceHost(service), int(port)), cmp.Or(strings.Join(names, " "), defaultRoute))
}
