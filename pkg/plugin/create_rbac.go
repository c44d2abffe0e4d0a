package plugin

import (
	"context"
	"io"
	"slices"
	"time"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/rbac"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
)

// printRoles prints the least Roles for create with these flags. Where the cluster can be asked, they are for the gateways and
// Secrets that it has; else for where Istio's own ingress gateway is, and another one's namespace is the reader's to change.
func (o *createOptions) printRoles(ctx context.Context) error {
	return printRoles(o.streams.Out, "grpcexpose-create", createPermissions(o.intent, o.verify, o.asFound(ctx)))
}

// asFound is the cluster as far as it can be read, nil where it cannot.
func (o *createOptions) asFound(ctx context.Context) *mesh.Snapshot {
	if o.clients == nil || o.intent.Offline || o.clients.nowhere() {
		return nil
	}
	client, err := o.clients.client()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	loaded, err := loadForCreate(ctx, client, o.intent)
	if err != nil {
		return nil
	}
	return loaded.Snapshot
}

// lookTimeout bounds how long Roles wait for a cluster that they can do without.
const lookTimeout = 15 * time.Second

// createPermissions are the rights to all that create asks the API server for: to read, and to carry out what it may plan.
func createPermissions(intent expose.Intent, verify bool, found *mesh.Snapshot) []cluster.Permission {
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

// createKinds are those that create lists: to decide, and to confirm.
func createKinds(intent expose.Intent) []mesh.Kind {
	return listed(slices.Concat(review.ForPath(intent.Namespace).Kinds, review.ForCreate(intent).Kinds))
}

// listed are the kinds that are read by listing them, each once.
func listed(kinds []mesh.Kind) []mesh.Kind {
	kinds = slices.DeleteFunc(slices.Clone(kinds), func(kind mesh.Kind) bool { return kind == mesh.KindSecret || kind == mesh.KindConfigMap })
	slices.Sort(kinds)
	return slices.Compact(kinds)
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
	for _, secret := range review.ForCreate(intent).Request().Follow(found).Secrets {
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

func printRoles(w io.Writer, name string, permissions []cluster.Permission) error {
	text, err := rbac.Roles(name, permissions)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}
