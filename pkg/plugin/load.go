package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// rootNamespace is where control planes and their settings are, in every installation that says nothing else.
const rootNamespace = "istio-system"

// loadManifests reads files until the user interrupts: standard input may be a terminal, and a pipe may have nobody at its other
// end.
func loadManifests(ctx context.Context, sources manifest.Sources, namespace string) (*manifest.Manifests, error) {
	return interrupt.Until(ctx, func() (*manifest.Manifests, error) { return manifest.Load(sources, namespace) })
}

// loadForCreate reads what expose.Build asks about, no more: two rounds of requests after discovery.
func loadForCreate(ctx context.Context, client *cluster.Client, intent expose.Intent) (*cluster.Loaded, error) {
	loaded, err := client.Load(ctx, createRequest(intent))
	if err != nil {
		return nil, err
	}
	return loaded, requireIstio(loaded)
}

func createRequest(intent expose.Intent) cluster.LoadRequest {
	return cluster.LoadRequest{
		Kinds: map[mesh.Kind][]string{
			mesh.KindNamespace: nil, mesh.KindDeployment: nil, mesh.KindStatefulSet: nil, mesh.KindDaemonSet: nil,
			mesh.KindService: nil, mesh.KindWebhook: nil, mesh.KindGateway: nil, mesh.KindVirtualService: nil,
			mesh.KindPod: {intent.Namespace}, mesh.KindIngress: {intent.Namespace},
			mesh.KindServiceMonitor: nil, mesh.KindPodMonitor: nil,
			// What may keep calls from arriving although the plan is carried out: see review.
			mesh.KindDestinationRule: nil, mesh.KindPeerAuthentication: nil, mesh.KindAuthorizationPolicy: nil,
			mesh.KindNetworkPolicy: {intent.Namespace},
		},
		Fallback: fallbackNamespaces(intent.Namespace, intent.Gateway, intent.GatewayWorkload),
		Entire:   true,
		Now:      time.Now(),
		Follow: func(found *mesh.Snapshot) cluster.LoadRequest {
			next := controlPlane(found)
			for _, gateway := range proxy.GatewayWorkloads(found) {
				for _, secret := range expose.SecretsFor(intent) {
					next.Secrets = append(next.Secrets, types.NamespacedName{Namespace: gateway.Namespace, Name: secret})
				}
				next.Secrets = append(next.Secrets, gatewaySecrets(found, intent.Namespace, gateway.Namespace)...)
			}
			return next
		},
	}
}

// fallbackNamespaces are those to look at for a user who may not list cluster-wide: also those of what is named as
// NAMESPACE/NAME, or KIND/NAMESPACE/NAME.
func fallbackNamespaces(namespace string, named ...string) []string {
	namespaces := []string{namespace, rootNamespace}
	for _, name := range named {
		if words := strings.Split(name, "/"); len(words) > 1 {
			namespaces = append(namespaces, words[len(words)-2])
		}
	}
	return namespaces
}

// controlPlane is what to read of the control planes that injector webhooks show: their settings, by name, and the
// endpoints of the Services that the webhooks call.
func controlPlane(found *mesh.Snapshot) cluster.LoadRequest {
	next := cluster.LoadRequest{Kinds: map[mesh.Kind][]string{}}
	named := map[types.NamespacedName]bool{}
	add := func(name string) {
		key := types.NamespacedName{Namespace: rootNamespace, Name: name}
		if !named[key] {
			named[key] = true
			next.ConfigMaps = append(next.ConfigMaps, key)
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
		if service := injector.Webhook.ClientConfig.Service; service != nil {
			next.Kinds[mesh.KindEndpointSlice] = append(next.Kinds[mesh.KindEndpointSlice], service.Namespace)
		}
	}
	return next
}

// requireIstio says so where the cluster has no Istio at all.
func requireIstio(loaded *cluster.Loaded) error {
	for _, kind := range loaded.NotServed {
		if kind == mesh.KindGateway || kind == mesh.KindVirtualService {
			return fmt.Errorf("no Istio is installed in this cluster: it has no CRD %s; install Istio, connect the cluster to its mesh, or choose another cluster with --context",
				strings.Join(istioCRDs(loaded), ", "))
		}
	}
	return nil
}

func istioCRDs(loaded *cluster.Loaded) []string {
	var crds []string
	for _, crd := range loaded.MissingCRDs() {
		if strings.HasSuffix(crd, ".networking.istio.io") {
			crds = append(crds, crd)
		}
	}
	return crds
}

// loadPath reads all that the checks rest on, as far as it concerns the path to the workloads of a namespace: pods, endpoints
// and network policies only of that namespace, the gateways' and the control planes', everything else from everywhere.
func loadPath(ctx context.Context, client *cluster.Client, namespace string) (*cluster.Loaded, error) {
	kinds := map[mesh.Kind][]string{}
	for _, kind := range lintKinds() {
		if !slices.Contains(kindsOfNamespace, kind) {
			kinds[kind] = nil
		}
	}
	return client.Load(ctx, cluster.LoadRequest{
		Kinds: kinds, Fallback: fallbackNamespaces(namespace), Now: time.Now(),
		Follow: func(found *mesh.Snapshot) cluster.LoadRequest {
			next := controlPlane(found)
			gateways := gatewayNamespaces(found)
			namespaces := slices.Concat([]string{namespace, rootNamespace}, gateways, next.Kinds[mesh.KindEndpointSlice])
			slices.Sort(namespaces)
			namespaces = slices.Compact(namespaces)
			for _, kind := range kindsOfNamespace {
				next.Kinds[kind] = namespaces
			}
			for _, of := range gateways {
				next.Secrets = append(next.Secrets, gatewaySecrets(found, namespace, of)...)
			}
			return next
		},
	})
}

// kindsOfNamespace are those of which a path needs only the namespaces that it goes through.
var kindsOfNamespace = []mesh.Kind{mesh.KindPod, mesh.KindEndpointSlice, mesh.KindNetworkPolicy, mesh.KindIngress}

func gatewayNamespaces(found *mesh.Snapshot) []string {
	var namespaces []string
	for _, gateway := range proxy.GatewayWorkloads(found) {
		if !slices.Contains(namespaces, gateway.Namespace) {
			namespaces = append(namespaces, gateway.Namespace)
		}
	}
	return namespaces
}

// gatewaySecrets are the Secrets that the servers of a gateway's proxies name, for the Gateways that matter to a workload.
func gatewaySecrets(found *mesh.Snapshot, namespace, gatewayNamespace string) []types.NamespacedName {
	var names []types.NamespacedName
	for _, gw := range found.Gateways().All() {
		if gw.Namespace != namespace && gw.Namespace != gatewayNamespace {
			continue
		}
		for _, server := range gw.Spec.GetServers() {
			for _, credential := range gateway.Credentials(server, gatewayNamespace) {
				names = append(names, types.NamespacedName{Namespace: credential.Namespace, Name: credential.Name})
			}
			if ca, ok := gateway.ClientCA(server, gatewayNamespace); ok {
				names = append(names, types.NamespacedName{Namespace: ca.Namespace, Name: ca.Name})
			}
		}
	}
	return names
}

// gapsText says in a line what could not be looked at.
func gapsText(loaded *cluster.Loaded) string {
	texts := mayNotTexts(loaded.Missing)
	for _, reason := range gapReasons(loaded.Gaps) {
		if !slices.ContainsFunc(loaded.Missing, func(missing cluster.Permission) bool { return reason == missing.Denied() }) {
			texts = append(texts, reason)
		}
	}
	return "Not looked at: " + strings.Join(texts, "; ")
}

// mayNotTexts are the permissions that are missing, in one text those that differ in the resource alone.
func mayNotTexts(missing []cluster.Permission) []string {
	var order []string
	resources := map[string][]string{}
	for _, permission := range missing {
		resource := resourceName(permission)
		text := strings.Replace(permission.Denied(), resource, "%s", 1)
		if resources[text] == nil {
			order = append(order, text)
		}
		resources[text] = append(resources[text], resource)
	}
	texts := make([]string, len(order))
	for i, text := range order {
		texts[i] = fmt.Sprintf(text, strings.Join(resources[text], ", "))
	}
	return texts
}

// gapReasons are why parts of the cluster could not be read, each once.
func gapReasons(gaps []mesh.Gap) []string {
	var reasons []string
	for _, gap := range gaps {
		if !slices.Contains(reasons, gap.Reason) {
			reasons = append(reasons, gap.Reason)
		}
	}
	return reasons
}
