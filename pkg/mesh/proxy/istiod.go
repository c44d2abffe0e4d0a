package proxy

import (
	"slices"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Istiod is a control plane as a reader of objects.
type Istiod struct {
	// Revision is the one that it was started with; one without a revision reads everything.
	Revision string
	// Tags are the revision tags that lead to it.
	Tags []string
	// Template is that of its pods, nil where it runs somewhere else and only its webhooks show it.
	Template *core.PodTemplateSpec
}

// IstiodsOf are the control planes that may be those of a revision, or of the tag of one: where it is empty, or no control plane
// has it, all of them. None where there may be one that nobody has seen.
func IstiodsOf(s *mesh.Snapshot, revision string) []Istiod {
	all := Istiods(s)
	own := slices.DeleteFunc(slices.Clone(all), func(i Istiod) bool { return i.Revision != revision && !slices.Contains(i.Tags, revision) })
	if revision != "" && len(own) > 0 {
		return own
	}
	for _, kind := range []mesh.Kind{mesh.KindDeployment, mesh.KindWebhook} {
		if _, unknown := s.Unknown(kind, "", ""); unknown {
			return nil
		}
	}
	return all
}

type istiodsMemory struct{}

// Istiods are the control planes that are known: those that run here by namespace and name, then those that only webhooks show.
func Istiods(s *mesh.Snapshot) []Istiod {
	s.Read(mesh.KindWebhook)
	planes := controlPlanes(s)
	return mesh.Remember(s, istiodsMemory{}, func() []Istiod {
		var found []Istiod
		at := map[string]int{}
		for _, plane := range planes {
			revision := EnvironmentOf(plane.Template, "REVISION")
			at[revision] = len(found)
			found = append(found, Istiod{Revision: revision, Template: plane.Template})
		}
		for _, injector := range Injectors(s) {
			i, known := at[injector.Revision]
			if !known {
				if _, unnamed := at[""]; unnamed && injector.Revision == DefaultRevision {
					continue // the webhook of a control plane that was started without a revision
				}
				i, at[injector.Revision] = len(found), len(found)
				found = append(found, Istiod{Revision: injector.Revision})
			}
			if injector.Tag != "" && !slices.Contains(found[i].Tags, injector.Tag) {
				found[i].Tags = append(found[i].Tags, injector.Tag)
			}
		}
		return found
	})
}

// ReadsRevision reports whether the control plane reads an object with these labels. A tag of its revision counts for Gateways of
// the Gateway API only.
// Source: Istio's pilot/pkg/config/kube/crdclient/client.go (inRevision, addCRD), pkg/config/model.go (LabelsInRevision,
// LabelsInRevisionOrTags).
func (i Istiod) ReadsRevision(kind mesh.Kind, labels map[string]string) bool {
	stated, labelled := labels[LabelRevision]
	return !labelled || i.Revision == "" || stated == i.Revision || kind == mesh.KindKubernetesGateway && slices.Contains(i.Tags, stated)
}

// KeepsGatewaysApart reports whether the control plane surely leaves Gateways of Istio's API out of the proxies that it makes for Gateways
// of the Gateway API in other namespaces: it does so from 1.31 on, unless that is switched off.
// Source: Istio's pilot/pkg/model/push_context.go (filterStrictGatewayMerging), pilot/pkg/features/pilot.go
// (PILOT_ENABLE_STRICT_GATEWAY_MERGING).
func (i Istiod) KeepsGatewaysApart() bool {
	if i.Template == nil {
		return false
	}
	major, rest, _ := strings.Cut(istiodVersion(i.Template.Spec.Containers), ".")
	digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if digits >= 0 {
		rest = rest[:digits]
	}
	minor, err := strconv.Atoi(rest)
	strict, stated := strconv.ParseBool(EnvironmentOf(i.Template, "PILOT_ENABLE_STRICT_GATEWAY_MERGING"))
	return err == nil && major == "1" && minor >= 31 && (stated != nil || strict)
}

// IgnoreResources and IncludeResources are the settings of istiod that leave out kinds, and take some of these in again.
const (
	IgnoreResources  = "PILOT_IGNORE_RESOURCES"
	IncludeResources = "PILOT_INCLUDE_RESOURCES"
)

// ReadsKind reports whether the control plane reads objects of a kind that a resource definition makes.
// Source: Istio's pkg/kube/kclient/crdwatcher.go (fetchResourceFilter, filterPilotResources, resourceMatchFilters).
func (i Istiod) ReadsKind(kind mesh.Kind) bool {
	if i.Template == nil {
		return true
	}
	resource := kind.Info().Resource + "." + kind.Info().Group
	return !listsResource(EnvironmentOf(i.Template, IgnoreResources), resource) || listsResource(EnvironmentOf(i.Template, IncludeResources), resource)
}

// listsResource reads "virtualservices.networking.istio.io, *.security.istio.io".
func listsResource(list, resource string) bool {
	for item := range strings.SplitSeq(list, ",") {
		group, isGroup := strings.CutPrefix(strings.TrimSpace(item), "*.")
		if isGroup && strings.HasSuffix(resource, group) || !isGroup && group == resource {
			return true
		}
	}
	return false
}

// Revision is that of the control plane that configures the gateway, or the tag of it, as far as its pods say so.
func (w *GatewayWorkload) Revision() string { return gatewayRevision(w) }
