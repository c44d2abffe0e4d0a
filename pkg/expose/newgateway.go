package expose

import (
	"fmt"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

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
	return b.update(plan.Update, own, "it was made for other hosts or another port",
		plan.Set(object, withServer(object, server), "spec", "servers"),
		plan.Set(object, anyMap(b.gatewaySelector()), "spec", "selector"))
}

func (b *builder) gatewayNamespace() string {
	beside := &networking.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: b.workload.Namespace()}}
	if b.snapshot.GatewayInScope(beside, b.result.Gateway) {
		return b.workload.Namespace()
	}
	return b.result.Gateway.Namespace
}

func (b *builder) hostsOfNamespace() []string {
	hosts := make([]string, len(b.result.Hosts))
	for i, host := range b.result.Hosts {
		hosts[i] = b.workload.Namespace() + "/" + host
	}
	return hosts
}

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
