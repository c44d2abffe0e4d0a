package expose

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// planGateway plans a Gateway beside the workload, or brings the one of an earlier create up to date.
func (b *builder) planGateway() error {
	server := map[string]any{
		"port": map[string]any{
			"number":   int64(b.result.Port),
			"name":     fmt.Sprintf("%s-%d", strings.ToLower(b.protocol()), b.result.Port),
			"protocol": b.protocol(),
		},
		"hosts": anyList(b.result.Hosts),
	}
	if b.intent.TLSSecret != "" {
		mode := "SIMPLE"
		if b.intent.TLSMutual {
			mode = "MUTUAL"
		}
		server["tls"] = map[string]any{"mode": mode, "credentialName": b.intent.TLSSecret}
	}
	namespace := b.gatewayNamespace()
	name, own, err := b.ownName(mesh.KindGateway, namespace)
	if err != nil {
		return err
	}
	b.result.GatewayObject = namespace + "/" + name
	if namespace != b.workload.Namespace() {
		server["hosts"] = anyList(b.hostsOfNamespace())
	}
	if own == nil {
		reason := fmt.Sprintf("the gateway has no server for %s on port %d", strings.Join(b.result.Hosts, ", "), b.result.Port)
		b.create(mesh.KindGateway, namespace, name, reason, map[string]any{
			"selector": anyMap(b.gatewaySelector()), "servers": []any{server},
		})
		return nil
	}
	object, err := mesh.ToUnstructured(own)
	if err != nil {
		return err
	}
	if err := b.keepForOthers(own, server); err != nil {
		return err
	}
	return b.update(plan.Update, own, "it was made for other hosts or another port",
		plan.Set(object, withServer(object, server), "spec", "servers"),
		plan.Set(object, anyMap(b.gatewaySelector()), "spec", "selector"))
}

// keepForOthers leaves the hosts of a server that others rest on too in it.
func (b *builder) keepForOthers(own mesh.Object, server map[string]any) error {
	others := slices.DeleteFunc(usersOf(own), func(user string) bool { return user == b.user })
	if len(others) == 0 && !b.intent.Offline {
		return nil
	}
	for _, existing := range own.(*networking.Gateway).Spec.GetServers() {
		if existing.GetPort().GetNumber() != uint32(b.result.Port) {
			continue
		}
		if len(others) > 0 && (mesh.ServerIsTLS(existing) != b.result.TLS || !b.sameTLS(existing)) {
			return refuse("Choose another port with --port", "port %d of Gateway %s has another kind of TLS, and %s rests on it too",
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

// gatewayNamespace is the workload's, unless the mesh takes Gateways only from the namespace of the gateway's pods.
func (b *builder) gatewayNamespace() string {
	beside := &networking.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: b.workload.Namespace()}}
	if b.snapshot.GatewayInScope(beside, b.result.Gateway) {
		return b.workload.Namespace()
	}
	return b.result.Gateway.Namespace
}

// hostsOfNamespace are the hosts in the form that takes them from VirtualServices of the workload's namespace alone.
func (b *builder) hostsOfNamespace() []string {
	hosts := make([]string, len(b.result.Hosts))
	for i, host := range b.result.Hosts {
		hosts[i] = b.workload.Namespace() + "/" + host
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
		return selectorFor(b.result.Gateway, b.snapshot.GatewayWorkloads())
	}
}

func anyList(items []string) []any {
	list := make([]any, len(items))
	for i := range items {
		list[i] = items[i]
	}
	return list
}
