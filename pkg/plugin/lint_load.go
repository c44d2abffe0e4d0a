package plugin

import (
	"context"
	"slices"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// loadCluster reads what the checks rest on, as far as the target needs it, and puts the files over it, if there are any.
func (o *lintOptions) loadCluster(ctx context.Context, source lintSource, manifests *manifest.Manifests) (*lintMesh, error) {
	client, err := source.clients.client()
	if err != nil {
		return nil, err
	}
	target := o.target
	if manifests != nil && !target.all && len(target.workloads) == 0 {
		target = namespaceOfFiles(target, manifests)
	}
	loaded, err := client.Load(ctx, o.request(target, source.context))
	if err != nil {
		return nil, err
	}
	m := &lintMesh{snapshot: loaded.Snapshot, client: client, context: source.context, target: target}
	if manifests != nil {
		m.without, m.manifests = loaded.Snapshot, manifests
		m.snapshot = overlay(loaded.Snapshot, manifests)
	}
	return m, target.problem(m.snapshot)
}

// namespaceOfFiles makes the one namespace of the files the target; where they speak of several, all namespaces are.
func namespaceOfFiles(target lintTarget, manifests *manifest.Manifests) lintTarget {
	var namespaces []string
	for _, sourced := range manifests.Objects {
		if namespace := sourced.Object.GetNamespace(); namespace != "" && !slices.Contains(namespaces, namespace) {
			namespaces = append(namespaces, namespace)
		}
	}
	switch len(namespaces) {
	case 0:
	case 1:
		target.namespace = namespaces[0]
	default:
		target.all = true
	}
	return target
}

// request is what to read of a cluster: every kind that the selected checks ask about; for one namespace, the kinds that are
// many only from there, from the gateways and from the control planes.
func (o *lintOptions) request(target lintTarget, name string) cluster.LoadRequest {
	kinds, named := o.kindsToRead()
	wanted := cluster.LoadRequest{Kinds: map[mesh.Kind][]string{}, Context: name, Now: o.now(), Fallback: fallbackNamespaces(target.namespace, ""), Entire: o.fix.scope != fixNone}
	var later []mesh.Kind
	for _, kind := range kinds {
		if !target.all && slices.Contains(kindsOfNamespace, kind) {
			later = append(later, kind)
		} else {
			wanted.Kinds[kind] = nil
		}
	}
	wanted.Follow = func(found *mesh.Snapshot) cluster.LoadRequest {
		next := controlPlane(found)
		namespaces := slices.Concat([]string{target.namespace, rootNamespace}, gatewayNamespaces(found), next.Kinds[mesh.KindEndpointSlice])
		slices.Sort(namespaces)
		namespaces = slices.Compact(namespaces)
		next.Kinds = map[mesh.Kind][]string{}
		for _, kind := range later {
			next.Kinds[kind] = namespaces
		}
		if slices.Contains(later, mesh.KindPod) && selectsNothingKnown(found, target) {
			next.Kinds[mesh.KindPod] = nil
		}
		if !slices.Contains(named, mesh.KindConfigMap) {
			next.ConfigMaps = nil
		}
		if slices.Contains(named, mesh.KindSecret) {
			next.Secrets = secretsToRead(found, target)
		}
		next.Fallback, next.Context, next.Now, next.Entire = wanted.Fallback, name, wanted.Now, wanted.Entire
		return next
	}
	return wanted
}

// selectsNothingKnown says that a Gateway of the target selects no workload that is known. Then it selects nothing, or pods of an
// owner that is not read, in whatever namespace: which of the two only all pods can tell.
func selectsNothingKnown(found *mesh.Snapshot, target lintTarget) bool {
	only := target.onlyKnown(found)
	return only != nil && slices.ContainsFunc(found.Gateways().All(), func(gateway *networking.Gateway) bool {
		return only(gateway) && len(proxy.GatewayWorkloadsSelected(found, gateway)) == 0
	})
}

// kindsToRead are the kinds that the selected checks ask about: those to list, and of those that are only read by name which.
func (o *lintOptions) kindsToRead() (list, named []mesh.Kind) {
	add := func(kinds []mesh.Kind) {
		for _, kind := range kinds {
			switch {
			case slices.Contains(list, kind) || slices.Contains(named, kind):
			case kind == mesh.KindSecret || kind == mesh.KindConfigMap:
				named = append(named, kind)
			default:
				list = append(list, kind)
			}
		}
	}
	for _, check := range o.checks {
		add(check.Reads)
		add(check.Consults)
	}
	// Webhooks and gateways show where the control planes and their settings are.
	add([]mesh.Kind{mesh.KindWebhook, mesh.KindNamespace, mesh.KindService, mesh.KindDeployment, mesh.KindDaemonSet, mesh.KindStatefulSet})
	slices.Sort(list)
	return list, named
}

// secretsToRead are the Secrets that the target's Gateways name: where the gateways' pods are, and in the Gateway's own
// namespace, where people put them by mistake.
func secretsToRead(found *mesh.Snapshot, target lintTarget) []types.NamespacedName {
	only := target.onlyKnown(found)
	var wanted []types.NamespacedName
	add := func(credential gateway.Credential) {
		name := types.NamespacedName{Namespace: credential.Namespace, Name: credential.Name}
		if !slices.Contains(wanted, name) {
			wanted = append(wanted, name)
		}
	}
	for _, gw := range found.Gateways().All() {
		if only != nil && !only(gw) {
			continue
		}
		namespaces := []string{gw.Namespace}
		for _, proxies := range proxy.GatewayWorkloadsSelected(found, gw) {
			namespaces = append(namespaces, proxies.Namespace)
		}
		for _, server := range gw.Spec.GetServers() {
			for _, namespace := range namespaces {
				for _, credential := range gateway.Credentials(server, namespace) {
					add(credential)
				}
				if ca, ok := gateway.ClientCA(server, namespace); ok {
					add(ca)
				}
			}
		}
	}
	return wanted
}
