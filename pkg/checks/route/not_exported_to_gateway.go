package route

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var notExportedToGateway = &checks.Check{
	ID:     "GX513",
	Slug:   "not-exported-to-gateway",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "An exportTo hides an object from the gateway",
	What: "Finds VirtualServices, Services (by the annotation `networking.istio.io/exportTo`) and DestinationRules with a subset that a " +
		"route needs, which are not exported to the namespace of the gateway's pods; and delegates that are not exported to the " +
		"namespace of the VirtualService that names them.",
	Why: "A proxy gets only what is exported to its own namespace, and a gateway's is the one where its pods run, not the one of the " +
		"Gateway object. What is hidden is left out without a word.",
	Client: "UNIMPLEMENTED where the VirtualService is hidden: there is no route. UNAVAILABLE where the Service or the subset is: there is no " +
		"cluster.",
	Bad: example.RoutedServer + example.RoutingGateway + strings.Replace(example.RouteWith(`  - route: [{destination: {host: orders, port: {number: 8000}}}]
`), "spec:", "spec:\n  exportTo: [\".\"]", 1),
	Good: example.RoutedServer + example.RoutingGateway + strings.Replace(example.RouteWith(`  - route: [{destination: {host: orders, port: {number: 8000}}}]
`), "spec:", "spec:\n  exportTo: [\".\", istio-system]", 1),
	Reads:    append(slices.Clone(checks.RouteReads), mesh.KindDestinationRule),
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		subsets := indexSubsets(p)
		for _, vs := range p.VirtualServices().All() {
			of := p.VirtualServiceRelevance(vs)
			if host.IsDelegate(vs) || !p.InScope(of) && !delegates(vs) {
				continue
			}
			reportHiddenDelegates(p, vs)
			gateways := p.GatewaysServing(vs)
			if bound, _ := host.GatewaysOf(p.Snapshot, vs); len(bound) > 0 && len(gateways) == 0 && isRestricted(vs.Spec.ExportTo) {
				p.Missing(mesh.KindDeployment, "", "") // whether it hides depends on where the gateway's pods are
			}
			for _, gateway := range gateways {
				if !host.VirtualServiceVisibleTo(p.Snapshot, vs, gateway.Namespace) {
					of := p.RelevanceForAny(gatewaysSelecting(p, vs, gateway), vs)
					if !p.InScope(of) {
						continue
					}
					reportHiddenVirtualService(p, vs, gateway, of)
				}
				reportHiddenDestinations(p, vs, gateway, subsets)
			}
		}
	},
}

// gatewaysSelecting are the VirtualService's Gateways that select the proxies.
func gatewaysSelecting(p *checks.Pass, vs *networking.VirtualService, proxies *proxy.GatewayWorkload) []*networking.Gateway {
	gateways, _ := host.GatewaysOf(p.Snapshot, vs)
	return slices.DeleteFunc(slices.Clone(gateways), func(gateway *networking.Gateway) bool {
		return !slices.Contains(proxy.GatewayWorkloadsSelected(p.Snapshot, gateway), proxies)
	})
}

// isRestricted reports whether an exportTo list leaves out some namespaces.
func isRestricted(exportTo []string) bool {
	return len(exportTo) > 0 && !slices.Contains(exportTo, "*")
}

func delegates(vs *networking.VirtualService) bool {
	for _, rule := range vs.Spec.Http {
		if rule.GetDelegate() != nil {
			return true
		}
	}
	return false
}

func hiddenMessage(object mesh.Object, namespace string) string {
	return fmt.Sprintf("%s is not exported to namespace %s, where the gateway's pods are.", mesh.KeyOf(object), namespace)
}

func exportEvidence(stated []string, byDefault string) []string {
	if len(stated) == 0 {
		return []string{"it has no exportTo, and the mesh config's " + byDefault + " counts"}
	}
	return []string{"its exportTo is " + strings.Join(stated, ", ")}
}

// exportFix exports the object to a namespace. "~" hides it whatever stands beside it, and a list replaces the mesh's default.
// Source: Istio's pilot/pkg/model/push_context.go (initVirtualServices, initServiceRegistry).
func exportFix(stated []string, namespace string) checks.Fix {
	switch {
	case len(stated) == 0:
		return checks.Fix{Text: fmt.Sprintf("Set exportTo to %q and %q.", ".", namespace)}
	case slices.Equal(stated, []string{"~"}):
		return checks.Fix{Text: fmt.Sprintf("Put %s in the place of ~ in exportTo.", namespace)}
	case slices.Contains(stated, "~"):
		return checks.Fix{Text: fmt.Sprintf("Take ~ out of exportTo, which hides it whatever else is named, and let namespace %s be in it.", namespace)}
	default:
		return checks.Fix{Text: fmt.Sprintf("Add namespace %s to exportTo.", namespace)}
	}
}

// exportPath is the path of the list, or where the mesh's default counts of what would hold it.
func exportPath(stated []string) plan.Path {
	if len(stated) == 0 {
		return plan.PathOf("spec")
	}
	return plan.PathOf("spec", "exportTo")
}

func reportHiddenVirtualService(p *checks.Pass, vs *networking.VirtualService, gateway *proxy.GatewayWorkload, of checks.Relevance) {
	p.Report(checks.Finding{
		Level:    p.LevelFor(of, checks.Error),
		Object:   vs,
		Path:     exportPath(vs.Spec.ExportTo),
		Message:  hiddenMessage(vs, gateway.Namespace),
		Evidence: exportEvidence(vs.Spec.ExportTo, "defaultVirtualServiceExportTo"),
		Symptom:  symptomNoRoute,
		Fix:      exportFix(vs.Spec.ExportTo, gateway.Namespace),
	})
}

// reportHiddenDelegates speaks of delegates that istiod leaves out because the root's namespace does not see them.
func reportHiddenDelegates(p *checks.Pass, root *networking.VirtualService) {
	for i, rule := range root.Spec.Http {
		if rule.GetDelegate() == nil {
			continue
		}
		namespace := rule.Delegate.Namespace
		if namespace == "" {
			namespace = root.Namespace
		}
		delegate, ok := p.VirtualServices().Get(namespace, rule.Delegate.Name)
		if !ok || !host.IsDelegate(delegate) || host.VirtualServiceVisibleTo(p.Snapshot, delegate, root.Namespace) {
			continue
		}
		of := p.VirtualServiceRelevance(delegate)
		if !p.InScope(of) {
			continue
		}
		p.Report(checks.Finding{
			Level:  p.LevelFor(of, checks.Error),
			Object: delegate,
			Path:   exportPath(delegate.Spec.ExportTo),
			Message: fmt.Sprintf("%s is not exported to namespace %s, where %s delegates to it.",
				mesh.KeyOf(delegate), root.Namespace, ruleText(root, i)),
			Evidence: exportEvidence(delegate.Spec.ExportTo, "defaultVirtualServiceExportTo"),
			Symptom:  symptomNoRoute,
			Fix:      exportFix(delegate.Spec.ExportTo, root.Namespace),
		})
	}
}

func reportHiddenDestinations(p *checks.Pass, vs *networking.VirtualService, gw *proxy.GatewayWorkload, subsets *subsetIndex) {
	for _, rule := range host.HTTPRules(p.Snapshot, vs) {
		of := p.RuleRelevance(rule)
		if !p.InScope(of) || !gateway.ServedBy(p.Snapshot, rule, gw) {
			continue
		}
		for _, destination := range host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace) {
			service := host.ServiceByHost(p.Snapshot, destination.Host)
			hidden := hiddenEntries(p, destination, gw.Namespace)
			switch {
			case service == nil && len(hidden) > 0:
				reportHiddenEntry(p, hidden[0], gw, of, rule)
			case service != nil && !host.ServiceVisibleTo(p.Snapshot, service, gw.Namespace):
				reportHiddenService(p, service, gw, of, rule)
			case destination.Spec.Subset != "":
				reportHiddenSubset(p, destination, gw, of, rule, subsets)
			}
		}
	}
}

// hiddenEntries are the ServiceEntries with the destination's host, where the namespace sees none of them.
func hiddenEntries(p *checks.Pass, destination host.Destination, namespace string) []*networking.ServiceEntry {
	entries := host.ServiceEntriesByHost(p.Snapshot, destination.Host)
	if slices.ContainsFunc(entries, func(entry *networking.ServiceEntry) bool {
		return host.ServiceEntryVisibleTo(p.Snapshot, entry, namespace)
	}) {
		return nil
	}
	return entries
}

func reportHiddenEntry(p *checks.Pass, entry *networking.ServiceEntry, gateway *proxy.GatewayWorkload, of checks.Relevance, rule *host.HTTPRule) {
	p.Report(checks.Finding{
		Level:    p.LevelFor(of, checks.Error),
		Object:   entry,
		Path:     exportPath(entry.Spec.ExportTo),
		Message:  hiddenMessage(entry, gateway.Namespace),
		Evidence: append(exportEvidence(entry.Spec.ExportTo, "defaultServiceExportTo"), ruleText(rule.Holder, rule.Index)+" leads to it"),
		Symptom:  symptomNoCluster,
		Fix:      exportFix(entry.Spec.ExportTo, gateway.Namespace),
	})
}

func reportHiddenService(p *checks.Pass, service *core.Service, gateway *proxy.GatewayWorkload, of checks.Relevance, rule *host.HTTPRule) {
	var stated []string
	if annotation := service.Annotations["networking.istio.io/exportTo"]; annotation != "" {
		stated = strings.Split(annotation, ",")
		for i := range stated {
			stated[i] = strings.TrimSpace(stated[i])
		}
	}
	path, fix := plan.PathOf("metadata", "annotations", "networking.istio.io/exportTo"), exportFix(stated, gateway.Namespace)
	if len(stated) == 0 {
		path = plan.PathOf("metadata")
		fix.Text = fmt.Sprintf("Set the annotation networking.istio.io/exportTo to %q.", ".,"+gateway.Namespace)
	}
	p.Report(checks.Finding{
		Level:    p.LevelFor(of, checks.Error),
		Object:   service,
		Path:     path,
		Message:  hiddenMessage(service, gateway.Namespace),
		Evidence: append(exportEvidence(stated, "defaultServiceExportTo"), ruleText(rule.Holder, rule.Index)+" leads to it"),
		Symptom:  symptomNoCluster,
		Fix:      fix,
	})
}

func reportHiddenSubset(
	p *checks.Pass, destination host.Destination, gateway *proxy.GatewayWorkload, of checks.Relevance, rule *host.HTTPRule, subsets *subsetIndex,
) {
	namespace, subset := serviceNamespaceOf(p, destination), destination.Spec.Subset
	if _, known := policy.DestinationRuleFor(p.Snapshot, gateway.Client(), destination.Host, namespace).Subset(subset); known {
		return
	}
	for _, hidden := range hiddenFrom(p, gateway.Namespace, namespace, subsets.defining(destination.Host, subset)) {
		p.Report(checks.Finding{
			Level:    p.LevelFor(of, checks.Error),
			Object:   hidden,
			Path:     exportPath(hidden.Spec.ExportTo),
			Message:  hiddenMessage(hidden, gateway.Namespace),
			Evidence: append(exportEvidence(hidden.Spec.ExportTo, "defaultDestinationRuleExportTo"), fmt.Sprintf("%s leads to its subset %s", ruleText(rule.Holder, rule.Index), subset)),
			Symptom:  symptomNoCluster,
			Fix:      exportFix(hidden.Spec.ExportTo, gateway.Namespace),
		})
	}
}
