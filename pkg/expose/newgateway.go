package expose

import (
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// planGateway plans a Gateway beside the workload, or brings the one of an earlier create up to date.
func (r *routing) planGateway(hosts []string) (listener, error) {
	namespace := r.gatewayNamespace()
	server := map[string]any{
		"port": map[string]any{
			"number":   int64(r.backend.outside),
			"name":     fmt.Sprintf("%s-%d", strings.ToLower(r.protocol()), r.backend.outside),
			"protocol": r.protocol(),
		},
		"hosts": anyList(r.hostsOfNamespace(namespace, hosts)),
	}
	if r.intent.TLSSecret != "" {
		server["tls"] = map[string]any{"mode": r.intent.tlsMode().String(), "credentialName": r.intent.TLSSecret}
	}
	name, existing, err := r.ownName(mesh.KindGateway, namespace)
	if err != nil {
		return listener{}, err
	}
	planned := listener{
		gateway: types.NamespacedName{Namespace: namespace, Name: name}, hosts: hosts, tls: r.intent.TLSSecret != "", mutual: r.intent.TLSMutual,
	}
	if existing == nil {
		reason := fmt.Sprintf("the gateway has no server for %s on port %d", strings.Join(hosts, ", "), r.backend.outside)
		r.create(mesh.Key{Kind: mesh.KindGateway, Namespace: namespace, Name: name}, r.asFarAsRead(reason, "", mesh.KindGateway), map[string]any{
			"selector": anyMap(r.selector), "servers": []any{server},
		})
		return planned, nil
	}
	own := existing.(*networking.Gateway)
	if err := r.weakensNoTLS(own); err != nil {
		return listener{}, err
	}
	if err := r.keepForOthers(own, server); err != nil {
		return listener{}, err
	}
	return planned, r.update(own, "it was made for other hosts or another port", func(form *unstructured.Unstructured) []plan.Edit {
		return []plan.Edit{
			plan.Set(form, withServer(form, server), "spec", "servers"),
			plan.Set(form, anyMap(r.selector), "spec", "selector"),
		}
	})
}

// weakensNoTLS refuses to replace a server of an earlier create by one with less TLS only because a flag is not repeated.
func (r *routing) weakensNoTLS(own *networking.Gateway) error {
	for _, existing := range own.Spec.GetServers() {
		if existing.GetPort().GetNumber() != uint32(r.backend.outside) || !gateway.ServerIsTLS(existing) {
			continue
		}
		hosts := strings.Join(existing.GetHosts(), ", ")
		switch mutual := existing.GetTls().GetMode() == networkingapi.ServerTLSSettings_MUTUAL; {
		case r.intent.TLSSecret == "":
			return refuse("Name the Secret of its certificate with --tls-secret, or undo the exposure with delete first",
				"%s terminates TLS for %s on port %d, and without --tls-secret it would take plaintext calls there", mesh.KeyOf(own), hosts, r.backend.outside)
		case mutual && !r.intent.TLSMutual:
			return refuse("Repeat --tls-mutual, or undo the exposure with delete first",
				"%s demands client certificates for %s on port %d, and without --tls-mutual it would not", mesh.KeyOf(own), hosts, r.backend.outside)
		}
	}
	return nil
}

// keepForOthers leaves the hosts of a server in it where other routes are bound to the Gateway too.
func (r *routing) keepForOthers(own *networking.Gateway, server map[string]any) error {
	others := r.othersBoundTo(own)
	if len(others) == 0 {
		return nil
	}
	for _, existing := range own.Spec.GetServers() {
		if existing.GetPort().GetNumber() != uint32(r.backend.outside) {
			continue
		}
		if gateway.ServerIsTLS(existing) != (r.intent.TLSSecret != "") || !r.sameTLS(existing) {
			return refuse("Choose another port with --port", "port %d of %s has another kind of TLS, and %s needs it",
				r.backend.outside, mesh.KeyOf(own), strings.Join(others, ", "))
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
func (r *routing) othersBoundTo(gateway *networking.Gateway) []string {
	var others []string
	for _, route := range r.snapshot.VirtualServices().All() {
		bound, _ := host.GatewaysOf(r.snapshot, route)
		if slices.Contains(bound, gateway) && !r.isOurs(route) && host.GatewayAccepts(gateway, route) {
			others = append(others, mesh.KeyOf(route).String())
		}
	}
	return others
}

// gatewayNamespace is the workload's, unless the mesh takes Gateways only from the namespace of the gateway's pods.
func (r *routing) gatewayNamespace() string {
	beside := &networking.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: r.workload.Namespace()}}
	if proxy.GatewayInScope(r.snapshot, beside, r.gateway) {
		return r.workload.Namespace()
	}
	return r.gateway.Namespace
}

// hostsOfNamespace are the hosts in the form that takes them from VirtualServices of the workload's namespace alone: nobody else
// can attach a route to a Gateway that create makes.
func (r *routing) hostsOfNamespace(gatewayNamespace string, hosts []string) []string {
	namespace := r.workload.Namespace()
	if namespace == gatewayNamespace {
		namespace = "."
	}
	qualified := make([]string, len(hosts))
	for i, host := range hosts {
		qualified[i] = namespace + "/" + host
	}
	return qualified
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

func anyList(items []string) []any {
	list := make([]any, len(items))
	for i := range items {
		list[i] = items[i]
	}
	return list
}
