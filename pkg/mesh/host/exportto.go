package host

import (
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// exportToAnnotation is the exportTo of a Service, a comma-separated list.
const exportToAnnotation = "networking.istio.io/exportTo"

// ServiceVisibleTo reports whether a proxy of that namespace sees the Service: by its annotation networking.istio.io/exportTo,
// else by the mesh config's defaultServiceExportTo.
// Source: Istio's pilot/pkg/serviceregistry/kube/conversion.go (ConvertService) and pilot/pkg/model/push_context.go
// (IsServiceVisible).
func ServiceVisibleTo(s *mesh.Snapshot, service *core.Service, namespace string) bool {
	exportTo := proxy.DefaultMeshConfig(s).GetDefaultServiceExportTo()
	if stated := service.Annotations[exportToAnnotation]; stated != "" {
		exportTo = strings.Split(stated, ",")
	}
	return exports(exportTo, service.Namespace, namespace)
}

// ServiceEntryVisibleTo reports whether a proxy of that namespace sees the ServiceEntry; what it says nothing of the default for
// Services decides.
// Source: Istio's pilot/pkg/serviceregistry/serviceentry/conversion.go (convertServices), pilot/pkg/model/push_context.go
// (initServiceRegistry, IsServiceVisible).
func ServiceEntryVisibleTo(s *mesh.Snapshot, entry *networking.ServiceEntry, namespace string) bool {
	exportTo := entry.Spec.ExportTo
	if len(exportTo) == 0 {
		exportTo = proxy.DefaultMeshConfig(s).GetDefaultServiceExportTo()
	}
	return exports(exportTo, entry.Namespace, namespace)
}

// VirtualServiceVisibleTo reports whether a proxy of that namespace sees the VirtualService.
// Source: Istio's pilot/pkg/model/push_context.go (initVirtualServices): "*" before "~" before names.
func VirtualServiceVisibleTo(s *mesh.Snapshot, vs *networking.VirtualService, namespace string) bool {
	return exports(exportToOf(s, vs), vs.Namespace, namespace)
}

func exportToOf(s *mesh.Snapshot, vs *networking.VirtualService) []string {
	if len(vs.Spec.ExportTo) > 0 {
		return vs.Spec.ExportTo
	}
	return proxy.DefaultMeshConfig(s).GetDefaultVirtualServiceExportTo()
}

// DestinationRuleVisibleTo reports whether a proxy of that namespace sees the DestinationRule. Whether it looks for it in the
// rule's namespace is another matter.
// Source: Istio's pilot/pkg/model/push_context.go (setDestinationRules).
func DestinationRuleVisibleTo(s *mesh.Snapshot, rule *networking.DestinationRule, namespace string) bool {
	exportTo := rule.Spec.ExportTo
	switch {
	case rule.Spec.GetWorkloadSelector() != nil:
		// A rule with a workload selector is for its own namespace, whatever it says.
		exportTo = []string{"."}
	case len(exportTo) == 0 && slices.Contains(proxy.DefaultMeshConfig(s).GetDefaultDestinationRuleExportTo(), "."):
		// Of the mesh config's default, istiod honours "." and takes anything else for "*".
		exportTo = []string{"."}
	case len(exportTo) == 0:
		exportTo = []string{"*"}
	}
	return exports(exportTo, rule.Namespace, namespace)
}

// exports reports whether an exportTo list of an object in one namespace covers another: "*" is every namespace, whatever
// else the list says; "~" is none; "." is the object's own.
func exports(exportTo []string, from, to string) bool {
	visible := false
	for _, entry := range exportTo {
		switch strings.TrimSpace(entry) {
		case "*":
			return true
		case ".":
			visible = visible || from == to
		case to:
			visible = true
		}
	}
	return visible && !slices.Contains(exportTo, "~")
}
