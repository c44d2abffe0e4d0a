package oracle

import (
	"fmt"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	proxyContainer  = "istio-proxy"
	unprivilegedPod = "ISTIO_META_UNPRIVILEGED_POD"
)

// makeGatewayProxies makes one or two sets of gateway pods, and the Services in front of them.
func (m *maker) makeGatewayProxies() {
	m.makeGatewayProxy(pick(m, rootNamespace, edgeNamespace), 1, map[string]string{"istio": "ingressgateway", "app": "gateway"})
	if m.chance(30) {
		m.makeGatewayProxy(pick(m, rootNamespace, edgeNamespace), 2, map[string]string{"istio": pick(m, "ingressgateway", "private")})
	}
}

func (m *maker) makeGatewayProxy(namespace string, number int, labels map[string]string) {
	pod := &core.Pod{ObjectMeta: m.meta(namespace, fmt.Sprintf("gateway-%d", number))}
	pod.Labels = labels
	pod.Spec = core.PodSpec{NodeName: "node", Containers: []core.Container{{
		Name: proxyContainer, Image: "auto", Args: []string{"proxy", "router"},
		Ports: []core.ContainerPort{
			{Name: "http2", ContainerPort: 8080, Protocol: core.ProtocolTCP},
			{Name: "https", ContainerPort: 8443, Protocol: core.ProtocolTCP},
			{Name: "grpc", ContainerPort: 9000, Protocol: core.ProtocolTCP},
		},
	}}}
	if m.chance(15) {
		pod.Spec.Containers[0].Env = []core.EnvVar{{Name: unprivilegedPod, Value: "true"}}
	}
	ready(pod, fmt.Sprintf("10.1.0.%d", number))
	m.add(pod)
	for range m.between(0, 2) {
		m.makeGatewayService(namespace, labels)
	}
}

func (m *maker) makeGatewayService(namespace string, labels map[string]string) {
	service := &core.Service{ObjectMeta: m.meta(namespace, m.unique("front"))}
	service.Spec = core.ServiceSpec{Type: core.ServiceTypeLoadBalancer, ClusterIP: m.clusterIP(), Selector: labels}
	if m.chance(20) {
		service.Spec.Selector = map[string]string{"istio": labels["istio"]}
	}
	if m.chance(10) {
		service.Labels = map[string]string{"experimental.istio.io/disable-gateway-port-translation": "true"}
	}
	for i, port := range some(m, 4, 80, 443, 8000, 8080, 9000) {
		service.Spec.Ports = append(service.Spec.Ports, core.ServicePort{
			Name: fmt.Sprintf("%s-%d", pick(m, "http2", "https", "tcp", "grpc"), i), Port: int32(port), Protocol: core.ProtocolTCP,
			TargetPort: pick(m, intstr.FromInt(8080), intstr.FromInt(8443), intstr.FromInt(port), intstr.FromInt(port),
				intstr.FromString("http2"), intstr.FromString("grpc"), intstr.FromString("absent")),
		})
	}
	m.add(service)
}

func (m *maker) clusterIP() string {
	m.names++
	return fmt.Sprintf("10.96.%d.%d", m.names/250, m.names%250+1)
}

func ready(pod *core.Pod, address string) {
	pod.Status = core.PodStatus{
		Phase: core.PodRunning, PodIP: address, PodIPs: []core.PodIP{{IP: address}},
		Conditions: []core.PodCondition{{Type: core.PodReady, Status: core.ConditionTrue}},
	}
}

// makeGateways makes Istio Gateways.
func (m *maker) makeGateways() {
	for range m.between(1, 4) {
		gateway := &networking.Gateway{ObjectMeta: m.meta(pick(m, allNamespaces...), m.unique("gateway"))}
		gateway.Spec.Selector = pick(m, map[string]string{"istio": "ingressgateway"}, map[string]string{"istio": "ingressgateway"},
			map[string]string{"app": "gateway"}, map[string]string{"istio": "private"}, nil)
		for i := range m.between(1, 3) {
			gateway.Spec.Servers = append(gateway.Spec.Servers, m.gatewayServer(i))
		}
		m.add(gateway)
	}
}

func (m *maker) gatewayServer(place int) *networkingapi.Server {
	server := &networkingapi.Server{
		Name:  fmt.Sprintf("s%d", place),
		Port:  &networkingapi.Port{Name: fmt.Sprintf("p%d", place)},
		Hosts: m.serverHosts(),
	}
	server.Port.Number = pick(m, uint32(80), 80, 443, 443, 8000, 8080, 8443, 9000)
	server.Port.Protocol = pick(m, "GRPC", "GRPC", "HTTP", "HTTP2", "GRPC-WEB", "grpc", "HTTPS", "HTTPS", "HTTPS", "TLS", "TCP", "MONGO")
	switch server.Port.Protocol {
	case "HTTPS", "TLS":
		server.Tls = m.serverTLS()
	case "TCP":
		if m.chance(30) {
			server.Tls = m.serverTLS()
		}
	default:
		if m.chance(12) {
			server.Tls = &networkingapi.ServerTLSSettings{HttpsRedirect: true}
		}
	}
	if m.chance(10) {
		server.Bind = pick(m, "10.1.0.1", "127.0.0.1")
	}
	return server
}

func (m *maker) serverTLS() *networkingapi.ServerTLSSettings {
	tls := &networkingapi.ServerTLSSettings{Mode: pick(m,
		networkingapi.ServerTLSSettings_SIMPLE, networkingapi.ServerTLSSettings_SIMPLE, networkingapi.ServerTLSSettings_SIMPLE,
		networkingapi.ServerTLSSettings_MUTUAL, networkingapi.ServerTLSSettings_OPTIONAL_MUTUAL,
		networkingapi.ServerTLSSettings_PASSTHROUGH, networkingapi.ServerTLSSettings_AUTO_PASSTHROUGH,
		networkingapi.ServerTLSSettings_ISTIO_MUTUAL)}
	switch tls.Mode {
	case networkingapi.ServerTLSSettings_SIMPLE, networkingapi.ServerTLSSettings_MUTUAL, networkingapi.ServerTLSSettings_OPTIONAL_MUTUAL:
		tls.CredentialName = "certificate"
	}
	return tls
}

func (m *maker) serverHosts() []string {
	if m.chance(7) {
		return []string{"*/*"} // beside other hosts with a namespace it makes istiod panic (sanitizeServerHostNamespace)
	}
	return some(m, 3, "*", "*", "a.example.com", "b.example.com", "*.example.com", "*.com", "A.example.com",
		"shop/a.example.com", "shop/*", "./*", "*/b.example.com", "back/*.example.com")
}

// gatewayNames are how VirtualServices of a namespace may name the mesh's Gateways, and names that lead nowhere.
func (m *maker) gatewayNames(namespace string) []string {
	names := []string{"mesh", "absent"}
	for _, gateway := range objectsOf[*networking.Gateway](m.mesh) {
		full := gateway.Namespace + "/" + gateway.Name
		names = append(names, full, full, full)
		if gateway.Namespace == namespace {
			names = append(names, gateway.Name, "./"+gateway.Name, gateway.Name+"."+gateway.Namespace+".svc.cluster.local")
		}
	}
	return names
}
