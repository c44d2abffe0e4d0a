package expose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// servicePort is one port of an existing Service.
type servicePort struct {
	service *core.Service
	index   int
}

func (p servicePort) port() *core.ServicePort { return &p.service.Spec.Ports[p.index] }

func (p servicePort) String() string {
	return fmt.Sprintf("--service %s   port %d%s", p.service.Name, p.port().Port, nameInBrackets(p.port().Name))
}

func nameInBrackets(name string) string {
	if name == "" {
		return " (no name)"
	}
	return " (" + name + ")"
}

// step is the path step that finds the port in spec.ports, which the API server treats as a map by number and protocol.
func (p servicePort) step() string {
	return fmt.Sprintf("port=%d,protocol=%s", p.port().Port, p.port().Protocol)
}

// prepareService finds the Service port that leads to the server, or plans one, and sees to it that Istio knows it as gRPC.
func (b *builder) prepareService() error {
	existing, err := b.findServicePort()
	if err != nil {
		return err
	}
	if existing == nil {
		return b.planServicePort()
	}
	port := existing.port()
	b.result.Service, b.result.ServicePort = existing.service.Name, port.Port
	b.result.Port = b.intent.Port
	if b.result.Port == 0 {
		b.result.Port = port.Port
	}
	b.noteOthersBehind(*existing)
	return b.fixProtocol(*existing)
}

// noteOthersBehind says which other workloads' pods the Service balances over as well: a canary beside it, or a selector that
// takes more than was meant.
func (b *builder) noteOthersBehind(p servicePort) {
	var others []string
	for _, w := range workload.WorkloadsOf(b.snapshot, p.service) {
		if _, _, serves := workload.TargetPort(p.port(), w.Template); serves && w.Key != b.workload.Key {
			others = append(others, argumentOf(w))
		}
	}
	if len(others) > 0 {
		b.note("Service %s/%s leads to the pods of %s too, so calls are balanced over those as well; --service with a new name makes one for %s alone",
			p.service.Namespace, p.service.Name, strings.Join(others, ", "), argumentOf(b.workload))
	}
}

// findServicePort is the one Service port that leads to the target port, or nil if there is none.
func (b *builder) findServicePort() (*servicePort, error) {
	var found []servicePort
	for _, service := range workload.ServicesSelecting(b.snapshot, b.workload) {
		if b.intent.Service != "" && service.Name != b.intent.Service || service.Spec.Type == core.ServiceTypeExternalName {
			continue
		}
		if port, ok := b.bestPort(service); ok {
			found = append(found, port)
		}
	}
	if b.intent.Service == "" {
		// Callers in the mesh resolve a headless name to one pod and stay there (check GX305): a ClusterIP Service goes beside it.
		var err error
		if found, err = b.withoutHeadless(found); err != nil {
			return nil, err
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return &found[0], nil
	default:
		var choices []string
		for _, port := range found {
			choices = append(choices, port.String())
		}
		return nil, refuse("Say which one the calls shall take", "several Services lead to port %d of %s:", b.result.TargetPort, b.workload.Key).choices(choices)
	}
}

func headless(service *core.Service) bool { return service.Spec.ClusterIP == core.ClusterIPNone }

// withoutHeadless leaves out the ports of headless Services. They are made gRPC all the same: the oldest Service with the
// target decides what Istio takes it for (check GX307).
func (b *builder) withoutHeadless(ports []servicePort) (kept []servicePort, err error) {
	for _, port := range ports {
		if !headless(port.service) {
			kept = append(kept, port)
			continue
		}
		b.hasHeadless = true
		if err := b.fixProtocol(port); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// bestPort is the Service's port that leads to the target port: of several the one with the number asked for, then one that
// is gRPC already, then the first.
func (b *builder) bestPort(service *core.Service) (best servicePort, found bool) {
	score := func(port *core.ServicePort) int {
		switch {
		case port.Protocol != core.ProtocolTCP:
			return 0
		case port.Port == b.intent.Port:
			return 3
		case workload.ServicePortProtocol(port).IsHTTP2():
			return 2
		default:
			return 1
		}
	}
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		number, _, ok := workload.TargetPort(port, b.workload.Template)
		if !ok || number != b.result.TargetPort || port.Protocol != core.ProtocolTCP && hasTCPPort(service, port.Port) {
			continue // a UDP port beside a TCP one of its number cannot become TCP
		}
		if !found || score(port) > score(best.port()) {
			best, found = servicePort{service, i}, true
		}
	}
	return best, found
}

// fixProtocol plans what makes a port gRPC to Istio: a name, or appProtocol, which wins over any name.
func (b *builder) fixProtocol(p servicePort) error {
	object, err := mesh.ToUnstructured(p.service)
	if err != nil {
		return err
	}
	port := p.port()
	if port.Protocol != core.ProtocolTCP {
		edits := []plan.Edit{
			plan.Set(object, string(core.ProtocolTCP), "spec", "ports", strconv.Itoa(p.index), "protocol"),
			plan.Set(object, "grpc", "spec", "ports", strconv.Itoa(p.index), "appProtocol"),
		}
		return b.update(plan.Update, p.service, fmt.Sprintf("port %d is %s, gRPC needs TCP", port.Port, port.Protocol), edits...)
	}
	if workload.ServicePortProtocol(port).IsHTTP2() {
		return nil
	}
	fix := workload.GRPCPortFix(b.snapshot, p.service, port)
	switch {
	case b.intent.PortFix == PortFixAppProtocol:
		fix = workload.PortFix{Field: "appProtocol", Value: "grpc", Reason: "asked for by --port-fix"}
	case b.intent.PortFix == PortFixName && port.AppProtocol != nil:
		return refuse("Use --port-fix=app-protocol, or remove appProtocol",
			"renaming port %d of Service %s/%s does not help: its appProtocol %q wins over the name",
			port.Port, p.service.Namespace, p.service.Name, *port.AppProtocol)
	case b.intent.PortFix == PortFixName && workload.GRPCPortName(p.service, port) == "":
		return refuse("Use --port-fix=app-protocol, or rename one of those ports",
			"port %d of Service %s/%s cannot be renamed: the names grpc and grpc-%s are those of other ports",
			port.Port, p.service.Namespace, p.service.Name, port.Name)
	case b.intent.PortFix == PortFixName && fix.Field != "name":
		b.note("Service %s/%s: %s; --port-fix=name renames the port all the same", p.service.Namespace, p.service.Name, fix.Reason)
		fix = workload.PortFix{Field: "name", Value: workload.GRPCPortName(p.service, port), Reason: "asked for by --port-fix"}
	}
	reason := fmt.Sprintf("port %d%s is %s to Istio, and a gateway speaks HTTP/1.1 to it; %s",
		port.Port, nameInBrackets(port.Name), protocolText(port), fix.Reason)
	return b.update(plan.Update, p.service, reason, plan.Set(object, fix.Value, "spec", "ports", p.step(), fix.Field))
}

func protocolText(port *core.ServicePort) string {
	protocol := workload.ServicePortProtocol(port)
	if protocol == workload.ProtocolUnsupported {
		return "of no declared protocol"
	}
	return string(protocol)
}

// planServicePort plans a Service, or a port of the Service that has the name already and selects the same pods.
func (b *builder) planServicePort() error {
	b.result.Port = b.intent.Port
	if b.result.Port == 0 {
		b.result.Port = b.result.TargetPort
	}
	b.result.ServicePort = b.result.Port
	name, existing, err := b.serviceToMake()
	if err != nil {
		return err
	}
	b.result.Service = name
	port := map[string]any{
		"name": "grpc", "port": int64(b.result.ServicePort), "protocol": "TCP", "targetPort": int64(b.result.TargetPort),
	}
	if existing != nil {
		return b.addServicePort(existing, port)
	}
	none := "no Service leads"
	if b.hasHeadless {
		none = "none but a headless Service leads"
	}
	reason := fmt.Sprintf("%s to port %d of %s", none, b.result.TargetPort, argumentOf(b.workload))
	b.create(mesh.KindService, b.workload.Namespace(), name, b.asFarAsRead(reason, b.workload.Namespace(), mesh.KindService), map[string]any{
		"type":     string(core.ServiceTypeClusterIP),
		"selector": anyMap(b.podSelector()),
		"ports":    []any{port},
	})
	return nil
}

// serviceToMake is the name of a Service that is free, or an existing one that selects the pods and can take a port more.
func (b *builder) serviceToMake() (name string, existing *core.Service, err error) {
	names := serviceNames(b.workload.Name())
	if b.intent.Service != "" {
		names = []string{b.intent.Service}
	}
	selecting := workload.ServicesSelecting(b.snapshot, b.workload)
	for _, name := range names {
		service, taken := b.snapshot.Services().Get(b.workload.Namespace(), name)
		if !taken {
			return name, nil, nil
		}
		for _, candidate := range selecting {
			if candidate != service || b.intent.Service == "" && (headless(service) || !b.takesAnotherPort(service)) {
				continue
			}
			if !b.takesAnotherPort(service) {
				return "", nil, refuse("Name its port first, or have a Service made beside it: --service with a new name",
					"Service %s/%s cannot take port %d beside the one that it has: that one has no name, and of several ports each needs one",
					service.Namespace, name, b.result.ServicePort)
			}
			return name, service, nil
		}
	}
	if b.intent.Service != "" {
		return "", nil, refuse("Name one that selects its pods, or a new name",
			"Service %s/%s does not select the pods of %s", b.workload.Namespace(), b.intent.Service, b.workload.Key)
	}
	return "", nil, refuse("Name a new one: --service NAME",
		"the names %s are taken by Services that do not lead to %s", strings.Join(names, " and "), b.workload.Key)
}

// addServicePort adds the port to a Service. A port of the same number whose target is a name that no container declares
// leads nowhere, and is led to the server.
func (b *builder) addServicePort(service *core.Service, port map[string]any) error {
	object, err := mesh.ToUnstructured(service)
	if err != nil {
		return err
	}
	for i := range service.Spec.Ports {
		existing := &service.Spec.Ports[i]
		if existing.Port != b.result.ServicePort || existing.Protocol != core.ProtocolTCP {
			continue
		}
		broken := servicePort{service, i}
		if _, _, ok := workload.TargetPort(existing, b.workload.Template); ok {
			return refuse("Choose another port outside with --port, or another Service with --service",
				"port %d of Service %s/%s leads to %s, not to %d", existing.Port, service.Namespace, service.Name,
				existing.TargetPort.String(), b.result.TargetPort)
		}
		if err := b.update(plan.Update, service, fmt.Sprintf("no container declares the port name %q", existing.TargetPort.String()),
			plan.Set(object, port["targetPort"], "spec", "ports", broken.step(), "targetPort")); err != nil {
			return err
		}
		return b.fixProtocol(broken)
	}
	port["name"] = freePortName(service, "grpc", fmt.Sprintf("grpc-%d", b.result.ServicePort))
	return b.update(plan.Update, service, fmt.Sprintf("it has no port that leads to %d", b.result.TargetPort),
		plan.Set(object, port, "spec", "ports", fmt.Sprintf("port=%d,protocol=TCP", b.result.ServicePort)))
}

// takesAnotherPort says that a Service can have the port: it is one of those that it has, or all of those have names.
func (b *builder) takesAnotherPort(service *core.Service) bool {
	return hasTCPPort(service, b.result.ServicePort) ||
		!slices.ContainsFunc(service.Spec.Ports, func(port core.ServicePort) bool { return port.Name == "" })
}

func hasTCPPort(service *core.Service, number int32) bool {
	return slices.ContainsFunc(service.Spec.Ports, func(port core.ServicePort) bool {
		return port.Port == number && port.Protocol == core.ProtocolTCP
	})
}

// freePortName is the first of the names that no port of the Service has, else the last one with a number behind it.
func freePortName(service *core.Service, names ...string) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(service.Spec.Ports, func(port core.ServicePort) bool { return port.Name == name })
	}
	last := names[len(names)-1]
	for number := 2; ; number++ {
		for _, name := range names {
			if !taken(name) {
				return name
			}
		}
		names = []string{fmt.Sprintf("%s-%d", last, number)}
	}
}

// serviceNames are the names for a Service of the workload, the best first. A workload's name may have dots, begin with a
// digit or be longer than a Service's may.
func serviceNames(workload string) []string {
	name := strings.ReplaceAll(workload, ".", "-")
	if name[0] >= '0' && name[0] <= '9' {
		name = "grpc-" + name
	}
	cut := func(most int) string { return strings.TrimRight(name[:min(len(name), most)], "-") }
	const suffix = "-grpc"
	return []string{cut(validation.DNS1035LabelMaxLength), cut(validation.DNS1035LabelMaxLength-len(suffix)) + suffix}
}

// podSelector is what a new Service selects: the workload's own selector, which no other workload may share.
func (b *builder) podSelector() map[string]string {
	if selector := workload.MatchLabels(b.workload.Object); len(selector) > 0 {
		return selector
	}
	return b.workload.Template.Labels
}

func anyMap(labels map[string]string) map[string]any {
	result := make(map[string]any, len(labels))
	for key, value := range labels {
		result[key] = value
	}
	return result
}
