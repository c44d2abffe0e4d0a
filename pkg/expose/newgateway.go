package expose

import (
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// planGateway plans a Gateway beside the workload, or brings the one of an earlier create up to date.
func (b *builder) planGateway() error {
	namespace := b.gatewayNamespace()
	server := map[string]any{
		"port": map[string]any{
			"number":   int64(b.result.Port),
			"name":     fmt.Sprintf("%s-%d", strings.ToLower(b.protocol()), b.result.Port),
			"protocol": b.protocol(),
		},
		"hosts": anyList(b.hostsOfNamespace(namespace)),
	}
	if b.intent.TLSSecret != "" {
		mode := "SIMPLE"
		if b.intent.TLSMutual {
			mode = "MUTUAL"
		}
		server["tls"] = map[string]any{"mode": mode, "credentialName": b.intent.TLSSecret}
	}
	name, own, err := b.ownName(mesh.KindGateway, namespace)
	if err != nil {
		return err
	}
	b.result.GatewayObject = namespace + "/" + name
	if own == nil {
		reason := fmt.Sprintf("the gateway has no server for %s on port %d", strings.Join(b.result.Hosts, ", "), b.result.Port)
		b.create(mesh.KindGateway, namespace, name, b.asFarAsRead(reason, "", mesh.KindGateway), map[string]any{
			"selector": anyMap(b.gatewaySelector()), "servers": []any{server},
		})
		return nil
	}
	object, err := mesh.ToUnstructured(own)
	if err != nil {
		return err
	}
	if err := b.weakensNoTLS(own.(*networking.Gateway)); err != nil {
		return err
	}
	if err := b.keepForOthers(own.(*networking.Gateway), server); err != nil {
		return err
	}
	return b.update(plan.Update, own, "it was made for other hosts or another port",
		plan.Set(object, withServer(object, server), "spec", "servers"),
		plan.Set(object, anyMap(b.gatewaySelector()), "spec", "selector"))
}

// weakensNoTLS refuses to replace a server of an earlier create by one with less TLS only because a flag is not repeated.
func (b *builder) weakensNoTLS(own *networking.Gateway) error {
	for _, existing := range own.Spec.GetServers() {
		if existing.GetPort().GetNumber() != uint32(b.result.Port) || !gateway.ServerIsTLS(existing) {
			continue
		}
		hosts := strings.Join(existing.GetHosts(), ", ")
		switch mutual := existing.GetTls().GetMode() == networkingapi.ServerTLSSettings_MUTUAL; {
		case b.intent.TLSSecret == "":
			return refuse("Name the Secret of its certificate with --tls-secret, or undo the exposure with delete first",
				"Gateway %s terminates TLS for %s on port %d, and without --tls-secret it would take plaintext calls there", b.result.GatewayObject, hosts, b.result.Port)
		case mutual && !b.intent.TLSMutual:
			return refuse("Repeat --tls-mutual, or undo the exposure with delete first",
				"Gateway %s demands client certificates for %s on port %d, and without --tls-mutual it would not", b.result.GatewayObject, hosts, b.result.Port)
		}
	}
	return nil
}

// keepForOthers leaves the hosts of a server in it where other routes are bound to the Gateway too.
func (b *builder) keepForOthers(own *networking.Gateway, server map[string]any) error {
	others := b.othersBoundTo(own)
	if len(others) == 0 {
		return nil
	}
	for _, existing := range own.Spec.GetServers() {
		if existing.GetPort().GetNumber() != uint32(b.result.Port) {
			continue
		}
		if gateway.ServerIsTLS(existing) != b.result.TLS || !b.sameTLS(existing) {
			return refuse("Choose another port with --port", "port %d of Gateway %s has another kind of TLS, and %s needs it",
				b.result.Port, b.result.GatewayObject, strings.Join(others, ", "))
		}
		hosts := slices.Clone(existing.GetHosts())
		for _, host := range server["hosts"].([]any) {
			if !slices.Contains(hosts, host.(string)) {
				hosts = append(hosts, host.(string))
			}
		}
		server["hosts"] = anyList(hosts)
	}
	return nil
}

// othersBoundTo are the VirtualServices bound to a Gateway that create did not make for this workload.
func (b *builder) othersBoundTo(gateway *networking.Gateway) []string {
	var others []string
	for _, route := range b.snapshot.VirtualServices().All() {
		bound, _ := host.GatewaysOf(b.snapshot, route)
		if slices.Contains(bound, gateway) && !b.isOurs(route) && takesHostOf(gateway, route) {
			others = append(others, mesh.KeyOf(route).String())
		}
	}
	return others
}

// gatewayNamespace is the workload's, unless the mesh takes Gateways only from the namespace of the gateway's pods.
func (b *builder) gatewayNamespace() string {
	beside := &networking.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: b.workload.Namespace()}}
	if proxy.GatewayInScope(b.snapshot, beside, b.result.Gateway) {
		return b.workload.Namespace()
	}
	return b.result.Gateway.Namespace
}

// hostsOfNamespace are the hosts in the form that takes them from VirtualServices of the workload's namespace alone: nobody else
// can attach a route to a Gateway that create makes.
func (b *builder) hostsOfNamespace(gatewayNamespace string) []string {
	namespace := b.workload.Namespace()
	if namespace == gatewayNamespace {
		namespace = "."
	}
	hosts := make([]string, len(b.result.Hosts))
	for i, host := range b.result.Hosts {
		hosts[i] = namespace + "/" + host
	}
	return hosts
}

// withServer are a Gateway's servers with this one in the place of the one on the same port, or at the end.
func withServer(gateway *unstructured.Unstructured, server map[string]any) []any {
	existing, _, _ := unstructured.NestedSlice(gateway.Object, "spec", "servers")
	number := server["port"].(map[string]any)["number"]
	for i := range existing {
		fields, _ := existing[i].(map[string]any)
		port, _ := fields["port"].(map[string]any)
		if fmt.Sprint(port["number"]) == fmt.Sprint(number) {
			existing[i] = server
			return existing
		}
	}
	return append(existing, server)
}

func (b *builder) gatewaySelector() map[string]string {
	switch {
	case len(b.intent.GatewaySelector) > 0:
		return b.intent.GatewaySelector
	default:
		return selectorFor(b.result.Gateway, proxy.GatewayWorkloads(b.snapshot))
	}
}

func anyList(items []string) []any {
	list := make([]any, len(items))
	for i := range items {
		list[i] = items[i]
	}
	return list
}
