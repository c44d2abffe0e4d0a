package proxy

import (
	"cmp"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// ControlPlane is an istiod that the cluster has, or that only its webhooks show because it runs somewhere else.
type ControlPlane struct {
	Revision string
	// Version is the tag of istiod's image, as "1.31.0"; empty where istiod runs elsewhere or its image has a digest only.
	Version string
	// Tags are the revision tags that lead to it, sorted.
	Tags []string
}

const (
	// istiodContainer is istiod's container in Istio's charts and operators made from them.
	istiodContainer = "discovery"
	istiodApp       = "istiod"
)

// ControlPlanes are those that an injector webhook or a Deployment of istiod shows, by revision.
// Source: Istio's chart istio-discovery, templates/deployment.yaml for Deployment, container and labels.
func ControlPlanes(s *mesh.Snapshot) []ControlPlane {
	byRevision := map[string]*ControlPlane{}
	at := func(revision string) *ControlPlane {
		revision = cmp.Or(revision, DefaultRevision)
		if byRevision[revision] == nil {
			byRevision[revision] = &ControlPlane{Revision: revision}
		}
		return byRevision[revision]
	}
	for _, injector := range Injectors(s) {
		plane := at(injector.Revision)
		if injector.Tag != "" && !slices.Contains(plane.Tags, injector.Tag) {
			plane.Tags = append(plane.Tags, injector.Tag)
		}
	}
	for _, deployment := range s.Deployments().All() {
		template := &deployment.Spec.Template
		if template.Labels["app"] == istiodApp {
			plane := at(template.Labels[LabelRevision])
			plane.Version = cmp.Or(istiodVersion(template.Spec.Containers), plane.Version)
		}
	}
	planes := make([]ControlPlane, 0, len(byRevision))
	for _, plane := range byRevision {
		slices.Sort(plane.Tags)
		planes = append(planes, *plane)
	}
	slices.SortFunc(planes, func(a, b ControlPlane) int { return strings.Compare(a.Revision, b.Revision) })
	return planes
}

func istiodVersion(containers []core.Container) string {
	for _, container := range containers {
		if container.Name == istiodContainer {
			return ImageTag(container.Image)
		}
	}
	return ""
}

// ImageTag is what stands after the colon of an image's name, without a digest and a variant: "1.31.0" of
// "registry.example.com:5000/istio/pilot:1.31.0-distroless@sha256:…".
func ImageTag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	_, name, ok := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(strings.TrimSuffix(name, "-distroless"), "-debug")
}

// PlatformNamespaces are those of the mesh's own operators, sorted: where the injector webhooks say that control planes are, where
// Istio is installed by default, and the root namespace that a mesh config in one of these names. A mesh config in any other
// namespace makes none.
func PlatformNamespaces(s *mesh.Snapshot) []string {
	namespaces := []string{istioDefaults().RootNamespace}
	for _, injector := range Injectors(s) {
		if service := injector.Webhook.ClientConfig.Service; service != nil {
			namespaces = append(namespaces, service.Namespace)
		}
	}
	installed := slices.Clone(namespaces)
	for _, config := range MeshConfigs(s) {
		if config.ConfigMap != nil && slices.Contains(installed, config.ConfigMap.Namespace) {
			namespaces = append(namespaces, config.GetRootNamespace())
		}
	}
	slices.Sort(namespaces)
	return slices.Compact(namespaces)
}
