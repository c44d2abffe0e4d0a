package checks

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

var notExportedToGateway = &Check{
	ID:     "GX513",
	Slug:   "not-exported-to-gateway",
	Levels: []Level{Error, Warning},
	Title:  "An exportTo hides an object from the gateway",
	What: "Finds VirtualServices, Services (by the annotation `networking.istio.io/exportTo`) and DestinationRules with a subset that a " +
		"route needs, which are not exported to the namespace of the gateway's pods; and delegates that are not exported to the " +
		"namespace of the VirtualService that names them.",
	Why: "A proxy gets only what is exported to its own namespace, and a gateway's is the one where its pods run, not the one of the " +
		"Gateway object. What is hidden is left out without a word.",
	Client: "UNIMPLEMENTED where the VirtualService is hidden: there is no route. UNAVAILABLE where the Service or the subset is: there is no " +
		"cluster.",
	Bad: routedServer + routingGateway + strings.Replace(routeWith(`  - route: [{destination: {host: orders, port: {number: 8000}}}]
`), "spec:", "spec:\n  exportTo: [\".\"]", 1),
	Good: routedServer + routingGateway + strings.Replace(routeWith(`  - route: [{destination: {host: orders, port: {number: 8000}}}]
`), "spec:", "spec:\n  exportTo: [\".\", istio-system]", 1),
	Reads:    append(slices.Clone(routeReads), mesh.KindDestinationRule),
	Consults: routeConsults,
	Since:    "v0.1.0",
	Run: func(p *Pass) {
		subsets := indexSubsets(p)
		for _, vs := range p.VirtualServices().All() {
			of := p.virtualServiceRelevance(vs)
			if mesh.IsDelegate(vs) || !p.speaks(of) && !delegates(vs) {
				continue
			}
			reportHiddenDelegates(p, vs)
			gateways := p.gatewaysServing(vs)
			if bound, _ := p.GatewaysOf(vs); len(bound) > 0 && len(gateways) == 0 && isRestricted(vs.Spec.ExportTo) {
				p.Missing(mesh.KindDeployment, "", "") // whether it hides depends on where the gateway's pods are
			}
			for _, gateway := range gateways {
				if p.VirtualServiceVisibleTo(vs, gateway.Namespace) {
					reportHiddenDestinations(p, vs, gateway, subsets)
				} else if p.speaks(of) {
					reportHiddenVirtualService(p, vs, gateway, of)
				}
			}
		}
	},
}

// isRestricted says that an exportTo list leaves out some namespaces.
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

func exportFix(namespace string) Fix {
	return Fix{Text: fmt.Sprintf("Add namespace %s to exportTo.", namespace)}
}

func reportHiddenVirtualService(p *Pass, vs *networking.VirtualService, gateway *mesh.GatewayWorkload, of relevance) {
	p.Report(Finding{
		Level:    p.levelFor(of, Error),
		Object:   vs,
		Path:     ".spec.exportTo",
		Message:  hiddenMessage(vs, gateway.Namespace),
		Evidence: exportEvidence(vs.Spec.ExportTo, "defaultVirtualServiceExportTo"),
		Symptom:  symptomNoRoute,
		Fix:      exportFix(gateway.Namespace),
	})
}

// reportHiddenDelegates speaks of delegates that istiod leaves out because the root's namespace does not see them.
func reportHiddenDelegates(p *Pass, root *networking.VirtualService) {
	for i, rule := range root.Spec.Http {
		if rule.GetDelegate() == nil {
			continue
		}
		namespace := rule.Delegate.Namespace
		if namespace == "" {
			namespace = root.Namespace
		}
		delegate, ok := p.VirtualServices().Get(namespace, rule.Delegate.Name)
		if !ok || !mesh.IsDelegate(delegate) || p.VirtualServiceVisibleTo(delegate, root.Namespace) {
			continue
		}
		of := p.virtualServiceRelevance(delegate)
		if !p.speaks(of) {
			continue
		}
		p.Report(Finding{
			Level:  p.levelFor(of, Error),
			Object: delegate,
			Path:   ".spec.exportTo",
			Message: fmt.Sprintf("%s is not exported to namespace %s, whose %s delegates to it.",
				mesh.KeyOf(delegate), root.Namespace, ruleText(root, i)),
			Evidence: exportEvidence(delegate.Spec.ExportTo, "defaultVirtualServiceExportTo"),
			Symptom:  symptomNoRoute,
			Fix:      exportFix(root.Namespace),
		})
	}
}

func reportHiddenDestinations(p *Pass, vs *networking.VirtualService, gateway *mesh.GatewayWorkload, subsets *subsetIndex) {
	for _, rule := range p.HTTPRules(vs) {
		of := p.ruleRelevance(rule)
		if !p.speaks(of) || !p.ServedBy(rule, gateway) {
			continue
		}
		for _, destination := range p.Destinations(rule.Spec, rule.Holder.Namespace) {
			service := p.ServiceByHost(destination.Host)
			switch {
			case service != nil && !p.ServiceVisibleTo(service, gateway.Namespace):
				reportHiddenService(p, service, gateway, of, rule)
			case destination.Spec.Subset != "":
				reportHiddenSubset(p, destination, gateway, of, rule, subsets)
			}
		}
	}
}

func reportHiddenService(p *Pass, service *core.Service, gateway *mesh.GatewayWorkload, of relevance, rule *mesh.HTTPRule) {
	var stated []string
	if annotation := service.Annotations["networking.istio.io/exportTo"]; annotation != "" {
		stated = []string{annotation}
	}
	p.Report(Finding{
		Level:    p.levelFor(of, Error),
		Object:   service,
		Path:     ".metadata.annotations['networking.istio.io/exportTo']",
		Message:  hiddenMessage(service, gateway.Namespace),
		Evidence: append(exportEvidence(stated, "defaultServiceExportTo"), ruleText(rule.Holder, rule.Index)+" leads to it"),
		Symptom:  symptomNoCluster,
		Fix:      exportFix(gateway.Namespace),
	})
}

func reportHiddenSubset(
	p *Pass, destination mesh.Destination, gateway *mesh.GatewayWorkload, of relevance, rule *mesh.HTTPRule, subsets *subsetIndex,
) {
	namespace, subset := serviceNamespaceOf(p, destination), destination.Spec.Subset
	if _, known := p.DestinationRuleFor(gateway.Client(), destination.Host, namespace).Subset(subset); known {
		return
	}
	for _, hidden := range hiddenFrom(p, gateway.Namespace, namespace, subsets.defining(destination.Host, subset)) {
		p.Report(Finding{
			Level:    p.levelFor(of, Error),
			Object:   hidden,
			Path:     ".spec.exportTo",
			Message:  hiddenMessage(hidden, gateway.Namespace),
			Evidence: append(exportEvidence(hidden.Spec.ExportTo, "defaultDestinationRuleExportTo"), fmt.Sprintf("%s leads to its subset %s", ruleText(rule.Holder, rule.Index), subset)),
			Symptom:  symptomNoCluster,
			Fix:      exportFix(gateway.Namespace),
		})
	}
}
