package remedy

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// GatewayPort is a port that a Gateway server needs open on the Service of its proxies.
type GatewayPort struct {
	Number int32
	// Protocol is the server's: GRPC, HTTPS and so on.
	Protocol string
}

// firstUnprivilegedPort is the first that a process without special rights may listen on.
const firstUnprivilegedPort = 1024

// OpenGatewayPort is the change that opens a port on the Service through which calls from outside come to the proxies. They have a
// Service, none opens the port, and no controller does so.
func OpenGatewayPort(s *mesh.Snapshot, pods *proxy.GatewayWorkload, port GatewayPort, reason string) (plan.Change, error) {
	service := proxy.MainService(pods.Services)
	return update(s, service, reason, func(form *unstructured.Unstructured) []plan.Edit {
		return []plan.Edit{plan.Set(form, map[string]any{
			"name": port.nameOn(service), "port": int64(port.Number), "protocol": string(core.ProtocolTCP), "targetPort": int64(port.target()),
		}, PortPath(port.Number, core.ProtocolTCP)...)}
	})
}

// OpenedBy is the Service as it will be once somebody else's controller has opened the port.
func (p GatewayPort) OpenedBy(service *core.Service) *core.Service {
	opened := service.DeepCopy()
	opened.Spec.Ports = append(opened.Spec.Ports, core.ServicePort{
		Name: p.nameOn(service), Port: p.Number, Protocol: core.ProtocolTCP, TargetPort: intstr.FromInt32(p.Number),
	})
	return opened
}

// target is the port in the pods. Proxies run without the right to listen on a privileged one; Istio's own gateways map 80 to
// 8080 and 443 to 8443.
func (p GatewayPort) target() int32 {
	if p.Number < firstUnprivilegedPort {
		return p.Number + 8000
	}
	return p.Number
}

// nameOn is a free name for the port that says its protocol, as Istio reads names of ports.
func (p GatewayPort) nameOn(service *core.Service) string {
	protocol := strings.ReplaceAll(strings.ToLower(p.Protocol), "_", "-")
	return FreePortName(service, fmt.Sprintf("%s-%d", protocol, p.Number))
}

// FreePortName is the first of the names that no port of the Service has, else the last one with a number behind it.
func FreePortName(service *core.Service, names ...string) string {
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
