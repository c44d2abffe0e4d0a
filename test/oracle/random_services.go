package oracle

import (
	"fmt"
	"maps"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// serviceNames are those of applications; the same name may be in both namespaces.
var serviceNames = []string{"orders", "cart", "server"}

// makeApplications makes Deployments with their pods, and the Services in front of them.
func (m *maker) makeApplications() {
	for _, namespace := range appNamespaces {
		for i, name := range some(m, 3, serviceNames...) {
			m.makeDeployment(namespace, name, i)
			m.makeService(namespace, name)
		}
	}
	if m.chance(25) {
		m.makeExternalName(pick(m, appNamespaces...))
	}
}

func (m *maker) makeDeployment(namespace, name string, place int) {
	template := core.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{
		"app": name, "version": pick(m, "v1", "v2"),
	}}}
	if m.chance(50) {
		template.Labels["tier"] = "backend"
	}
	if m.chance(60) {
		template.Labels[tlsModeLabel] = "istio" // the injector's mark
	}
	template.Spec.Containers = []core.Container{{
		Name: "server", Image: "server",
		Ports: []core.ContainerPort{{Name: pick(m, "grpc", "api"), ContainerPort: 50051, Protocol: core.ProtocolTCP}},
	}}
	if m.chance(50) {
		template.Spec.Containers[0].Ports = append(template.Spec.Containers[0].Ports,
			core.ContainerPort{Name: pick(m, "http", "metrics"), ContainerPort: 8080, Protocol: core.ProtocolTCP})
	}
	deployment := &apps.Deployment{ObjectMeta: m.meta(namespace, name)}
	deployment.Spec = apps.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}, Template: template,
	}
	m.add(deployment)
	for i := range m.between(0, 2) {
		m.makePod(deployment, place, i)
	}
}

func (m *maker) makePod(deployment *apps.Deployment, place, number int) {
	const hash = "5d4f8c7b9"
	pod := &core.Pod{ObjectMeta: m.meta(deployment.Namespace, fmt.Sprintf("%s-%s-%d", deployment.Name, hash, number))}
	pod.Labels = maps.Clone(deployment.Spec.Template.Labels)
	pod.Labels[apps.DefaultDeploymentUniqueLabelKey] = hash
	controls := true
	pod.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "apps/v1", Kind: "ReplicaSet", Name: deployment.Name + "-" + hash, UID: "1", Controller: &controls,
	}}
	pod.Spec = *deployment.Spec.Template.Spec.DeepCopy()
	pod.Spec.NodeName = "node"
	network := map[string]int{shopNamespace: 2, backNamespace: 3}[deployment.Namespace]
	ready(pod, fmt.Sprintf("10.1.%d.%d", network, place*10+number+1))
	if m.chance(15) {
		pod.Status.Conditions[0].Status = core.ConditionFalse
	}
	m.add(pod)
}

func (m *maker) makeService(namespace, name string) {
	service := &core.Service{ObjectMeta: m.meta(namespace, name)}
	service.Spec = core.ServiceSpec{Type: core.ServiceTypeClusterIP, ClusterIP: m.clusterIP(), Selector: map[string]string{"app": name}}
	switch {
	case m.chance(15):
		service.Spec.ClusterIP = core.ClusterIPNone
	case m.chance(10):
		service.Spec.Selector = map[string]string{"tier": "backend"}
	}
	if m.chance(12) {
		service.Annotations = map[string]string{"networking.istio.io/exportTo": pick(m, ".", "*", "~", "istio-system", ".,edge")}
	}
	for i, number := range some(m, 3, 8000, 50051, 80, 9090, 3306) {
		service.Spec.Ports = append(service.Spec.Ports, m.servicePort(int32(number), i))
	}
	m.add(service)
}

// servicePort is a port of any name that a user might think of. Names of one Service differ by a number at their end.
func (m *maker) servicePort(number int32, place int) core.ServicePort {
	port := core.ServicePort{Port: number, Protocol: core.ProtocolTCP}
	name := pick(m, "grpc", "grpc", "grpc-api", "http", "http2", "http2-api", "grpc-web", "grpc-web-x", "grpcapi", "tcp", "tls", "https", "foo", "mongo", "redis", "mysql", "udp")
	port.Name = fmt.Sprintf("%s-%d", name, place)
	port.TargetPort = pick(m, intstr.FromInt(50051), intstr.FromInt(50051), intstr.FromInt32(number), intstr.FromString("grpc"),
		intstr.FromString("http"), intstr.FromInt(8080))
	if m.chance(20) {
		application := pick(m, "grpc", "http", "kubernetes.io/h2c", "kubernetes.io/ws", "kubernetes.io/wss", "GRPC", "http2", "example.com/x", "tcp", "grpc-web", "")
		port.AppProtocol = &application
	}
	if m.chance(4) {
		port.Protocol = core.ProtocolUDP
	}
	return port
}

func (m *maker) makeExternalName(namespace string) {
	service := &core.Service{ObjectMeta: m.meta(namespace, "outside")}
	service.Spec = core.ServiceSpec{
		Type:         core.ServiceTypeExternalName,
		ExternalName: pick(m, "orders.shop.svc.cluster.local", "cart.back.svc.cluster.local", "api.example.net"),
		Ports:        []core.ServicePort{m.servicePort(8000, 0)},
	}
	m.add(service)
}
