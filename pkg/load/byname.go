package load

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// controlPlanes are those that injector webhooks show: the ConfigMaps with their settings, and the namespaces of the Services that the
// webhooks call.
func controlPlanes(found *mesh.Snapshot) (settings []types.NamespacedName, namespaces []string) {
	add := func(name string) {
		key := types.NamespacedName{Namespace: RootNamespace, Name: name}
		if !slices.Contains(settings, key) {
			settings = append(settings, key)
		}
	}
	add("istio")
	for _, injector := range proxy.Injectors(found) {
		suffix := ""
		if injector.Revision != "" && injector.Revision != "default" {
			suffix = "-" + injector.Revision
		}
		add("istio" + suffix)
		add("istio-sidecar-injector" + suffix)
		if service := injector.Webhook.ClientConfig.Service; service != nil && !slices.Contains(namespaces, service.Namespace) {
			namespaces = append(namespaces, service.Namespace)
		}
	}
	return settings, namespaces
}

// secrets are those that the Gateways in question name, and those of the question: where the gateways' pods are, and for a Gateway also in
// its own namespace, where people put them by mistake.
func (q Question) secrets(found *mesh.Snapshot) []types.NamespacedName {
	beside := GatewayNamespaces(found)
	concerns := func(object mesh.Object) bool {
		return q.Namespace == "" || object.GetNamespace() == q.Namespace || slices.Contains(beside, object.GetNamespace())
	}
	if q.Concerns != nil {
		concerns = q.Concerns(found)
	}
	var wanted []types.NamespacedName
	add := func(namespace, name string) {
		key := types.NamespacedName{Namespace: namespace, Name: name}
		if !slices.Contains(wanted, key) {
			wanted = append(wanted, key)
		}
	}
	for _, namespace := range beside {
		for _, name := range q.Secrets {
			add(namespace, name)
		}
	}
	for _, gw := range found.Gateways().All() {
		if concerns != nil && !concerns(gw) {
			continue
		}
		namespaces := []string{gw.Namespace}
		for _, proxies := range proxy.GatewayWorkloadsSelected(found, gw) {
			namespaces = append(namespaces, proxies.Namespace)
		}
		for _, server := range gw.Spec.GetServers() {
			for _, namespace := range namespaces {
				for _, credential := range gateway.Credentials(server, namespace) {
					add(credential.Namespace, credential.Name)
				}
				if ca, ok := gateway.ClientCA(server, namespace); ok {
					add(ca.Namespace, ca.Name)
				}
			}
		}
	}
	for _, certificate := range certificatesOfListeners(found, concerns) {
		add(certificate.ToNamespace, certificate.ToName)
	}
	return wanted
}

// certificatesOfListeners are the Secrets that the listeners of Gateways of the Gateway API, and of ListenerSets, name.
func certificatesOfListeners(found *mesh.Snapshot, concerns func(mesh.Object) bool) []gatewayapi.Reference {
	var certificates []gatewayapi.Reference
	add := func(owner mesh.Object, tls *gatewayv1.ListenerTLSConfig) {
		if tls == nil || concerns != nil && !concerns(owner) {
			return
		}
		for _, reference := range tls.CertificateRefs {
			if certificate, isSecret := gatewayapi.CertificateReference(owner, reference); isSecret {
				certificates = append(certificates, certificate)
			}
		}
	}
	for _, gw := range found.KubernetesGateways().All() {
		for _, listener := range gw.Spec.Listeners {
			add(gw, listener.TLS)
		}
	}
	for _, set := range found.ListenerSets().All() {
		for _, listener := range set.Spec.Listeners {
			add(set, listener.TLS)
		}
	}
	return certificates
}
