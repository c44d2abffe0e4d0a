package proxy

import (
	"slices"
	"strconv"

	meshapi "istio.io/api/mesh/v1alpha1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// LabelDataplaneMode on a namespace or a pod puts it into ambient mode, or with "none" leaves a pod out of it.
const LabelDataplaneMode = "istio.io/dataplane-mode"

// IsAmbient reports whether ztunnel takes the calls of a pod of that shape made in the namespace. Pods that get a sidecar are left
// to it.
// Source: Istio's cni/pkg/util/enablement_selector.go (Matches), with the selectors of the chart istio-cni.
func IsAmbient(s *mesh.Snapshot, namespace string, template *core.PodTemplateSpec) bool {
	return AsksForAmbient(s, namespace, template) && !InjectionOfPod(s, namespace, template).Injected
}

// AsksForAmbient reports whether the labels put the pod into ambient mode, whether or not a sidecar keeps it out.
func AsksForAmbient(s *mesh.Snapshot, namespace string, template *core.PodTemplateSpec) bool {
	if template.Spec.HostNetwork {
		return false
	}
	switch template.Labels[LabelDataplaneMode] {
	case "ambient":
		return true
	case "none":
		return false
	default:
		return NamespaceLabels(s, namespace)[LabelDataplaneMode] == "ambient"
	}
}

// HBONEPort is where ztunnel takes the connections of the mesh to a pod in ambient mode, whatever port of the pod they are for.
const HBONEPort = 15008

// redirectionAnnotation is what istio-cni leaves on a pod whose connections go through ztunnel.
// Source: Istio's cni/pkg/util/podutil.go (AnnotateEnrolledPod).
const redirectionAnnotation = "ambient.istio.io/redirection"

// IsRedirected reports whether one of the pods is ztunnel's already.
func IsRedirected(pods []*core.Pod) bool {
	return slices.ContainsFunc(pods, func(pod *core.Pod) bool { return pod.Annotations[redirectionAnnotation] == "enabled" })
}

// SendsHBONE reports whether a gateway calls pods in ambient mode through the tunnel, where ztunnel sees the gateway's own certificate,
// whatever policies say of TLS: its control planes run for ambient mode, and neither they nor the gateway have that switched off.
// Source: Istio's pilot/pkg/features/ambient.go (EnableHBONESend), pilot/pkg/xds/endpoints/endpoint_builder.go
// (buildEnvoyLbEndpoint) and pilot/pkg/networking/core/cluster_tls.go (applyHBONETransportSocketMatches).
func SendsHBONE(s *mesh.Snapshot, w *GatewayWorkload) bool {
	planes := controlPlanesOf(s, w)
	isKnown := len(planes) > 0 && len(w.Template.Spec.Containers) > 0
	return isKnown && !disablesHBONE(s, w) && !slices.ContainsFunc(planes, func(plane *workload.Workload) bool {
		ambient, _ := strconv.ParseBool(EnvironmentOf(plane.Template, "PILOT_ENABLE_AMBIENT"))
		sends, err := strconv.ParseBool(EnvironmentOf(plane.Template, "PILOT_ENABLE_SENDING_HBONE"))
		return !ambient || err == nil && !sends
	})
}

// disablesHBONE follows Istio's pkg/model/proxy.go (DisableHBONESend): by the environment of the pods, or by the proxy config.
func disablesHBONE(s *mesh.Snapshot, w *GatewayWorkload) bool {
	const setting = "ISTIO_META_DISABLE_HBONE_SEND"
	own := &meshapi.ProxyConfig{}
	_ = unmarshalYAML(w.Template.Annotations[AnnotationProxyConfig], own) // what cannot be read says nothing
	stated := []string{
		EnvironmentOf(w.Template, setting), own.GetProxyMetadata()[setting],
		MeshConfigOf(s, gatewayRevision(w)).GetDefaultConfig().GetProxyMetadata()[setting],
	}
	return slices.ContainsFunc(stated, func(text string) bool {
		disabled, _ := strconv.ParseBool(text)
		return disabled
	})
}
