package cluster

import (
	"cmp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// deployer is a tool that deploys objects from somewhere else and sets them back to what stands there.
type deployer struct {
	// name is the tool's, what the thing of it that holds the object: "application payments"; both empty if there is none.
	name, what string
}

func (d deployer) String() string {
	if d.what == "" {
		return d.name
	}
	return d.name + " (" + d.what + ")"
}

// deployerOf reads the marks that the tools leave on what they deploy. Sources: Argo CD, docs/user-guide/resource_tracking.md;
// Flux, kustomize-controller and helm-controller's owner labels; Helm, pkg/action/validate.go.
func deployerOf(object *unstructured.Unstructured) deployer {
	labels, annotations := object.GetLabels(), object.GetAnnotations()
	if application, _, _ := strings.Cut(annotations["argocd.argoproj.io/tracking-id"], ":"); application != "" {
		return deployer{name: "Argo CD", what: "application " + application}
	}
	if application := labels["argocd.argoproj.io/instance"]; application != "" {
		return deployer{name: "Argo CD", what: "application " + application}
	}
	if name := labels["kustomize.toolkit.fluxcd.io/name"]; name != "" {
		return deployer{name: "Flux", what: "Kustomization " + labels["kustomize.toolkit.fluxcd.io/namespace"] + "/" + name}
	}
	if name := labels["helm.toolkit.fluxcd.io/name"]; name != "" {
		return deployer{name: "Flux", what: "HelmRelease " + labels["helm.toolkit.fluxcd.io/namespace"] + "/" + name}
	}
	if release := annotations["meta.helm.sh/release-name"]; release != "" {
		return deployer{name: "Helm", what: "release " + release}
	}
	return deployer{}
}

// toolOf is the tool that writes under a field manager's name, empty for an unknown one.
func toolOf(manager string) string {
	switch {
	case strings.HasPrefix(manager, "argocd"):
		return "Argo CD"
	case manager == "kustomize-controller", manager == "helm-controller":
		return "Flux"
	case manager == "helm", manager == "Go-http-client": // Helm before 3.5 set no name of its own
		return "Helm"
	default:
		return ""
	}
}

// ownerInWords is a field manager as users know it: "Argo CD (application payments)".
func ownerInWords(manager string, object *unstructured.Unstructured) string {
	tool := toolOf(manager)
	if marked := deployerOf(object); tool != "" && marked.name == tool {
		return marked.String()
	}
	return cmp.Or(tool, manager)
}
