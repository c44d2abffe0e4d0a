package plan

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Deployer is a tool that deploys objects from somewhere else and sets them back to what is there.
type Deployer struct {
	// Name is the tool's, What the thing of it that holds the object: "application payments"; both empty if there is none.
	Name, What string
}

func (d Deployer) String() string {
	if d.What == "" {
		return d.Name
	}
	return d.Name + " (" + d.What + ")"
}

// DeployerOf reads the marks that the tools leave on what they deploy. Sources: Argo CD, docs/user-guide/resource_tracking.md;
// Flux, kustomize-controller and helm-controller's owner labels; Helm, pkg/action/validate.go.
func DeployerOf(object metav1.Object) Deployer {
	labels, annotations := object.GetLabels(), object.GetAnnotations()
	if application, _, _ := strings.Cut(annotations["argocd.argoproj.io/tracking-id"], ":"); application != "" {
		return Deployer{Name: "Argo CD", What: "application " + application}
	}
	if application := labels["argocd.argoproj.io/instance"]; application != "" {
		return Deployer{Name: "Argo CD", What: "application " + application}
	}
	if name := labels["kustomize.toolkit.fluxcd.io/name"]; name != "" {
		return Deployer{Name: "Flux", What: "Kustomization " + labels["kustomize.toolkit.fluxcd.io/namespace"] + "/" + name}
	}
	if name := labels["helm.toolkit.fluxcd.io/name"]; name != "" {
		return Deployer{Name: "Flux", What: "HelmRelease " + labels["helm.toolkit.fluxcd.io/namespace"] + "/" + name}
	}
	if release := annotations["meta.helm.sh/release-name"]; release != "" {
		return Deployer{Name: "Helm", What: "release " + release}
	}
	return Deployer{}
}
