package expose

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

// servicePort is one port of an existing Service.
type servicePort struct {
	service *core.Service
	index   int
}

func (p servicePort) port() *core.ServicePort { return &p.service.Spec.Ports[p.index] }

func (p servicePort) String() string {
	return fmt.Sprintf("--service %s   port %s", p.service.Name, workload.PortText(p.port()))
}

// backend is what routes lead to, and the port outside by which calls get there.
type backend struct {
	name          types.NamespacedName
	port, outside int32
}

// serving is the step that finds or plans the Service.
type serving struct {
	*draft
	targetPort int32
	// hasHeadless: a headless Service leads to the target port.
	hasHeadless bool
}

// prepareService finds the Service port that leads to the server, or plans one, and sees to it that Istio knows it as gRPC.
func (d *draft) prepareService(targetPort int32) (backend, error) {
	s := &serving{draft: d, targetPort: targetPort}
	existing, err := s.findServicePort()
	if err != nil {
		return backend{}, err
	}
	if existing == nil {
		return s.planServicePort()
	}
	s.noteOthersBehind(*existing)
	port := existing.port().Port
	return backend{mesh.NamespacedName(existing.service), port, cmp.Or(s.intent.Port, port)}, s.fixProtocol(*existing)
}

// noteOthersBehind says which other workloads' pods the Service balances over as well: a canary beside it, or a selector that
// takes more than was meant.
func (s *serving) noteOthersBehind(p servicePort) {
	var others []string
	for _, w := range workload.WorkloadsOf(s.snapshot, p.service) {
		if _, _, serves := workload.TargetPort(p.port(), w.Template); serves && w.Key != s.workload.Key {
			others = append(others, w.Key.Argument())
		}
	}
	if len(others) > 0 {
		s.note("%s leads to the pods of %s too, so calls are balanced over those as well; --service with a new name makes one for %s alone",
			mesh.KeyOf(p.service), strings.Join(others, ", "), s.workload.Key.Argument())
	}
}

// findServicePort is the one Service port that leads to the target port, or nil if there is none.
func (s *serving) findServicePort() (*servicePort, error) {
	var found []servicePort
	for _, service := range workload.ServicesSelecting(s.snapshot, s.workload) {
		if s.intent.Service != "" && service.Name != s.intent.Service || service.Spec.Type == core.ServiceTypeExternalName {
			continue
		}
		if port, ok := s.bestPort(service); ok {
			found = append(found, port)
		}
	}
	if s.intent.Service == "" {
		// Callers in the mesh resolve a headless name to one pod and stay there (check GX305): a ClusterIP Service goes beside it.
		var err error
		if found, err = s.withoutHeadless(found); err != nil {
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
		return nil, refuse("Say which one the calls shall take", "several Services lead to port %d of %s:", s.targetPort, s.workload.Key).choices(choices)
	}
}

func headless(service *core.Service) bool { return service.Spec.ClusterIP == core.ClusterIPNone }

// withoutHeadless leaves out the ports of headless Services. They are made gRPC all the same: the oldest Service with the
// target decides what Istio takes it for (check GX307).
func (s *serving) withoutHeadless(ports []servicePort) (kept []servicePort, err error) {
	for _, port := range ports {
		if !headless(port.service) {
			kept = append(kept, port)
			continue
		}
		s.hasHeadless = true
		if err := s.fixProtocol(port); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// bestPort is the Service's port that leads to the target port: of several the one with the number asked for, then one that
// is gRPC already, then the first.
func (s *serving) bestPort(service *core.Service) (best servicePort, found bool) {
	score := func(port *core.ServicePort) int {
		switch {
		case port.Protocol != core.ProtocolTCP:
			return 0
		case port.Port == s.intent.Port:
			return 3
		case workload.ServicePortProtocol(port).IsHTTP2():
			return 2
		default:
			return 1
		}
	}
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		number, _, ok := workload.TargetPort(port, s.workload.Template)
		if !ok || number != s.targetPort || port.Protocol != core.ProtocolTCP && hasTCPPort(service, port.Port) {
			continue // a UDP port beside a TCP one of its number cannot become TCP
		}
		if !found || score(port) > score(best.port()) {
			best, found = servicePort{service, i}, true
		}
	}
	return best, found
}

// fixProtocol plans what makes a port gRPC to Istio: a name, or appProtocol, which wins over any name.
func (s *serving) fixProtocol(p servicePort) error {
	port := p.port()
	if port.Protocol != core.ProtocolTCP {
		reason := fmt.Sprintf("port %d is %s, gRPC needs TCP", port.Port, port.Protocol)
		return s.update(p.service, reason, func(form *unstructured.Unstructured) []plan.Edit {
			return []plan.Edit{
				plan.Set(form, string(core.ProtocolTCP), "spec", "ports", strconv.Itoa(p.index), "protocol"),
				plan.Set(form, "grpc", "spec", "ports", strconv.Itoa(p.index), "appProtocol"),
			}
		})
	}
	if workload.ServicePortProtocol(port).IsHTTP2() {
		return nil
	}
	fix := workload.GRPCPortFix(s.snapshot, p.service, port)
	switch {
	case s.intent.PortFix == PortFixAppProtocol:
		fix = workload.PortFix{Field: "appProtocol", Value: "grpc", Reason: "asked for by --port-fix"}
	case s.intent.PortFix == PortFixName && port.AppProtocol != nil:
		return refuse("Use --port-fix=app-protocol, or remove appProtocol",
			"renaming port %d of %s does not help: its appProtocol %q wins over the name",
			port.Port, mesh.KeyOf(p.service), *port.AppProtocol)
	case s.intent.PortFix == PortFixName && workload.GRPCPortName(p.service, port) == "":
		return refuse("Use --port-fix=app-protocol, or rename one of those ports",
			"port %d of %s cannot be renamed: the names grpc and grpc-%s are those of other ports",
			port.Port, mesh.KeyOf(p.service), port.Name)
	case s.intent.PortFix == PortFixName && fix.Field != "name":
		s.note("%s: %s; --port-fix=name renames the port all the same", mesh.KeyOf(p.service), fix.Reason)
		fix = workload.PortFix{Field: "name", Value: workload.GRPCPortName(p.service, port), Reason: "asked for by --port-fix"}
	}
	fix.Reason = fmt.Sprintf("port %s is %s to Istio, and a gateway speaks HTTP/1.1 to it; %s",
		workload.PortText(port), protocolText(port), fix.Reason)
	return s.add(remedy.DeclareGRPC(s.snapshot, p.service, port, fix))
}

func protocolText(port *core.ServicePort) string {
	protocol := workload.ServicePortProtocol(port)
	if protocol == workload.ProtocolUnsupported {
		return "of no declared protocol"
	}
	return string(protocol)
}

// planServicePort plans a Service, or a port of the Service that has the name already and selects the same pods.
func (s *serving) planServicePort() (backend, error) {
	number := cmp.Or(s.intent.Port, s.targetPort)
	name, existing, err := s.serviceToMake(number)
	if err != nil {
		return backend{}, err
	}
	planned := backend{types.NamespacedName{Namespace: s.workload.Namespace(), Name: name}, number, number}
	if existing != nil {
		return planned, s.addServicePort(existing, number)
	}
	none := "no Service leads"
	if s.hasHeadless {
		none = "none but a headless Service leads"
	}
	reason := fmt.Sprintf("%s to port %d of %s", none, s.targetPort, s.workload.Key.Argument())
	key := mesh.Key{Kind: mesh.KindService, Namespace: planned.name.Namespace, Name: planned.name.Name}
	s.create(key, s.asFarAsRead(reason, key.Namespace, mesh.KindService), map[string]any{
		"type":     string(core.ServiceTypeClusterIP),
		"selector": anyMap(s.podSelector()),
		"ports":    []any{s.portNamed("grpc", number)},
	})
	return planned, nil
}

func (s *serving) portNamed(name string, number int32) map[string]any {
	return map[string]any{"name": name, "port": int64(number), "protocol": "TCP", "targetPort": int64(s.targetPort)}
}

// serviceToMake is the name of a Service that is free, or an existing one that selects the pods and can take a port more.
func (s *serving) serviceToMake(port int32) (name string, existing *core.Service, err error) {
	names := serviceNames(s.workload.Name())
	if s.intent.Service != "" {
		names = []string{s.intent.Service}
	}
	selecting := workload.ServicesSelecting(s.snapshot, s.workload)
	for _, name := range names {
		service, taken := s.snapshot.Services().Get(s.workload.Namespace(), name)
		if !taken {
			return name, nil, nil
		}
		for _, candidate := range selecting {
			if candidate != service || s.intent.Service == "" && (headless(service) || !takesAnotherPort(service, port)) {
				continue
			}
			if !takesAnotherPort(service, port) {
				return "", nil, refuse("Name its port first, or have a Service made beside it: --service with a new name",
					"%s cannot take port %d beside the one that it has: that one has no name, and of several ports each needs one",
					mesh.KeyOf(service), port)
			}
			return name, service, nil
		}
	}
	if s.intent.Service != "" {
		return "", nil, refuse("Name one that selects its pods, or a new name",
			"Service %s/%s does not select the pods of %s", s.workload.Namespace(), s.intent.Service, s.workload.Key)
	}
	return "", nil, refuse("Name a new one: --service NAME",
		"the names %s are taken by Services that do not lead to %s", strings.Join(names, " and "), s.workload.Key)
}

// addServicePort adds the port to a Service. A port of the same number whose target is a name that no container declares
// leads nowhere, and is led to the server.
func (s *serving) addServicePort(service *core.Service, number int32) error {
	for i := range service.Spec.Ports {
		existing := &service.Spec.Ports[i]
		if existing.Port != number || existing.Protocol != core.ProtocolTCP {
			continue
		}
		broken := servicePort{service, i}
		if _, _, ok := workload.TargetPort(existing, s.workload.Template); ok {
			return refuse("Choose another port outside with --port, or another Service with --service",
				"port %d of %s leads to %s, not to %d", existing.Port, mesh.KeyOf(service),
				existing.TargetPort.String(), s.targetPort)
		}
		reason := fmt.Sprintf("no container declares the port name %q", existing.TargetPort.String())
		if err := s.setPort(service, reason, int64(s.targetPort), append(remedy.PortPath(number, existing.Protocol), "targetPort")); err != nil {
			return err
		}
		return s.fixProtocol(broken)
	}
	name := remedy.FreePortName(service, "grpc", fmt.Sprintf("grpc-%d", number))
	reason := fmt.Sprintf("it has no port that leads to %d", s.targetPort)
	return s.setPort(service, reason, s.portNamed(name, number), remedy.PortPath(number, core.ProtocolTCP))
}

func (s *serving) setPort(service *core.Service, reason string, value any, path plan.Path) error {
	return s.update(service, reason, func(form *unstructured.Unstructured) []plan.Edit {
		return []plan.Edit{plan.Set(form, value, path...)}
	})
}

// takesAnotherPort says that a Service can have the port: it is one of those that it has, or all of those have names.
func takesAnotherPort(service *core.Service, port int32) bool {
	return hasTCPPort(service, port) ||
		!slices.ContainsFunc(service.Spec.Ports, func(port core.ServicePort) bool { return port.Name == "" })
}

func hasTCPPort(service *core.Service, number int32) bool {
	return slices.ContainsFunc(service.Spec.Ports, func(port core.ServicePort) bool {
		return port.Port == number && port.Protocol == core.ProtocolTCP
	})
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
func (s *serving) podSelector() map[string]string {
	if selector := workload.MatchLabels(s.workload.Object); len(selector) > 0 {
		return selector
	}
	return s.workload.Template.Labels
}

func anyMap(labels map[string]string) map[string]any {
	result := make(map[string]any, len(labels))
	for key, value := range labels {
		result[key] = value
	}
	return result
}
