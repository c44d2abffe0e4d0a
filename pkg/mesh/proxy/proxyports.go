package proxy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	meshapi "istio.io/api/mesh/v1alpha1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// ReservedPort is a TCP port on which the proxy of a pod listens, and for what.
type ReservedPort struct {
	Number int32
	Use    string
}

// annotationStatusPort moves the agent's port, or with 0 switches it off.
const annotationStatusPort = "status.sidecar.istio.io/port"

// ReservedPorts are the ports of the proxy that pods of the template get from a revision's injector. Those of DNS and HBONE are
// only in use where they are switched on.
// Source: Istio's pkg/config/mesh/mesh.go (DefaultMeshConfig, DefaultProxyConfig), pilot/cmd/pilot-agent/options/options.go
// (ENVOY_STATUS_PORT, ENVOY_PROMETHEUS_PORT, DNS_PROXY_ADDR), pilot/cmd/pilot-agent/app/request.go, pkg/model/proxy.go (EnableHBONE),
// manifests/charts/istio-control/istio-discovery/files/injection-template.yaml (status port).
func ReservedPorts(s *mesh.Snapshot, revision string, template *core.PodTemplateSpec) []ReservedPort {
	config := MeshConfigOf(s, revision)
	own := &meshapi.ProxyConfig{}
	_ = unmarshalYAML(template.Annotations[AnnotationProxyConfig], own) // what cannot be read says nothing
	common := config.GetDefaultConfig()
	status := cmp.Or(own.GetStatusPort(), common.GetStatusPort(), 15020)
	if stated, err := strconv.ParseInt(template.Annotations[annotationStatusPort], 10, 32); err == nil {
		status = int32(stated)
	}
	isOn := func(setting string) bool {
		for _, stated := range []string{EnvironmentOf(template, setting), own.GetProxyMetadata()[setting], common.GetProxyMetadata()[setting]} {
			if on, err := strconv.ParseBool(stated); err == nil {
				return on
			}
		}
		return false
	}
	ports := []ReservedPort{
		{cmp.Or(own.GetProxyAdminPort(), common.GetProxyAdminPort(), 15000), "Envoy's administration"},
		{cmp.Or(config.GetProxyListenPort(), 15001), "outbound connections"},
		{15004, "the agent's debug interface"},
		{cmp.Or(config.GetProxyInboundListenPort(), 15006), "inbound connections"},
		{status, "the agent's health and metrics"},
		{15021, "the proxy's health"},
		{15090, "Envoy's metrics"},
	}
	if isOn("ISTIO_META_ENABLE_HBONE") {
		ports = append(ports, ReservedPort{HBONEPort, "HBONE"})
	}
	if isOn("ISTIO_META_DNS_CAPTURE") || isOn("ISTIO_META_ENABLE_DNS_SERVER") {
		ports = append(ports, ReservedPort{15053, "DNS"})
	}
	return slices.DeleteFunc(ports, func(port ReservedPort) bool { return port.Number == 0 })
}

// RewritesProbes reports whether the injector that counts for new pods of the workload leads the kubelet's probes through the agent,
// which asks the application from inside the pod, and what says so if it does not: an annotation of the template, or else a clause
// about the injector.
// Source: Istio's pkg/kube/inject/app_probe.go (ShouldRewriteAppHTTPProbers), webhook.go (applyRewrite); the chart istio-discovery's
// values.yaml for the default.
func RewritesProbes(s *mesh.Snapshot, w *workload.Workload) (rewrites bool, annotation, because string) {
	byDefault, because := true, ""
	if by := InjectionOf(s, w).By; by != nil {
		if config := injectorConfigOf(s, by); config.rewritesProbes != nil && !*config.rewritesProbes {
			byDefault = false
			because = fmt.Sprintf("the injector of revision %s has sidecarInjectorWebhook.rewriteAppHTTPProbe: false", by.Revision)
		}
	}
	if value, stated := w.Template.Annotations[AnnotationRewriteProbes]; stated {
		if rewrites, err := strconv.ParseBool(value); err == nil {
			return rewrites, AnnotationRewriteProbes, because
		}
	}
	return byDefault, "", because
}

// AnnotationRewriteProbes on a pod template switches the rewriting of probes on or off.
const AnnotationRewriteProbes = "sidecar.istio.io/rewriteAppHTTPProbers"
