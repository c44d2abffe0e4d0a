package fieldowner

import (
	"cmp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

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
	if marked := plan.DeployerOf(object); tool != "" && marked.Name == tool {
		return marked.String()
	}
	return cmp.Or(tool, manager)
}
