package review

import (
	"slices"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/rbac"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
)

// RightsForCreate are the rights to all that create asks the API server for: to read, and to carry out what it may plan.
func RightsForCreate(intent expose.Intent, verify bool, found *mesh.Snapshot) []cluster.Permission {
	namespace := intent.Namespace
	permissions := rbac.ToRead(createKinds(intent), []string{"get", "list"})
	permissions = append(permissions, rbac.On(mesh.KindConfigMap, load.RootNamespace, "", "get")...)
	permissions = append(permissions, secretPermissions(intent, found)...)
	for _, gateway := range gatewaysFor(intent, found) {
		permissions = append(permissions, permissionsAtGateway(intent, verify, found, gateway)...)
	}
	if intent.Inject == expose.InjectNamespace {
		permissions = append(permissions, rbac.On(mesh.KindNamespace, "", namespace, "patch")...)
	}
	for _, kind := range []mesh.Kind{mesh.KindService, mesh.KindGateway, mesh.KindVirtualService} {
		permissions = append(permissions, rbac.On(kind, namespace, "", "create", "patch")...)
	}
	if intent.Restart == remedy.RestartNamespace {
		permissions = append(permissions, rbac.ToRestart("", namespace, "")...)
	} else {
		permissions = append(permissions, rbac.ToRestart(intent.Kind, namespace, intent.Name)...)
	}
	if verify {
		permissions = append(permissions, cluster.PortForwardPermission(namespace))
	}
	return append(permissions, cluster.Permission{Verb: "create", Resource: "events", Namespace: namespace})
}

// createKinds are those that create reads: to decide, and to confirm.
func createKinds(intent expose.Intent) []mesh.Kind {
	return slices.Concat(ForPath(intent.Namespace).Kinds, ForCreate(intent).Kinds)
}

// secretPermissions are the rights to read the Secret of --tls-secret, and those that the Gateways in use name.
func secretPermissions(intent expose.Intent, found *mesh.Snapshot) []cluster.Permission {
	var permissions []cluster.Permission
	for _, gateway := range gatewaysFor(intent, found) {
		for _, secret := range expose.SecretsFor(intent) {
			permissions = append(permissions, rbac.On(mesh.KindSecret, gateway, secret, "get")...)
		}
	}
	if found == nil {
		return permissions
	}
	for _, secret := range ForCreate(intent).Request().Follow(found).Secrets {
		permissions = append(permissions, rbac.On(mesh.KindSecret, secret.Namespace, secret.Name, "get")...)
	}
	return permissions
}

// gatewaysFor are the namespaces of the gateways that create may use.
func gatewaysFor(intent expose.Intent, found *mesh.Snapshot) []string {
	if found == nil {
		return []string{load.RootNamespace}
	}
	if result, err := expose.Build(intent, found); err == nil {
		return []string{result.Gateway.Namespace}
	}
	if namespaces := load.GatewayNamespaces(found); len(namespaces) > 0 {
		return namespaces
	}
	return []string{load.RootNamespace}
}

// permissionsAtGateway are the rights in the namespace of the gateway's pods: to open the port or see it opened, to make a
// Gateway where the mesh takes none from elsewhere, and to call by way of a pod.
func permissionsAtGateway(intent expose.Intent, verify bool, found *mesh.Snapshot, namespace string) []cluster.Permission {
	var permissions []cluster.Permission
	if intent.OpenGatewayPort {
		permissions = append(permissions, rbac.On(mesh.KindService, namespace, "", "patch")...)
	}
	if verify {
		permissions = append(permissions, cluster.PortForwardPermission(namespace))
	}
	if found == nil {
		return permissions
	}
	beside := &networking.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: intent.Namespace}}
	for _, gateway := range proxy.GatewayWorkloads(found) {
		if gateway.Namespace == namespace && !proxy.GatewayInScope(found, beside, gateway) {
			permissions = append(permissions, rbac.On(mesh.KindGateway, namespace, "", "create", "patch")...)
		}
		if _, synced := proxy.PortsAreSynced(gateway); gateway.Namespace == namespace && synced {
			permissions = append(permissions, rbac.On(mesh.KindService, namespace, "", "watch")...)
		}
	}
	return permissions
}

// RightsForDelete are the rights to all that delete asks the API server for.
func RightsForDelete(target mesh.Key) []cluster.Permission {
	namespace := target.Namespace
	permissions := rbac.ToRead(removal.Reads, []string{"get", "list"})
	permissions = append(permissions, rbac.On(mesh.KindConfigMap, load.RootNamespace, "", "get")...)
	permissions = append(permissions, rbac.On(mesh.KindNamespace, "", namespace, "patch")...)
	permissions = append(permissions, rbac.ToRestart(target.Kind, namespace, target.Name)...)
	for _, kind := range []mesh.Kind{mesh.KindService, mesh.KindGateway, mesh.KindVirtualService} {
		permissions = append(permissions, rbac.On(kind, namespace, "", "patch", "delete")...)
	}
	permissions = append(permissions, rbac.On(mesh.KindService, load.RootNamespace, "", "patch")...)
	return append(permissions, cluster.Permission{Verb: "create", Resource: "events", Namespace: namespace})
}
