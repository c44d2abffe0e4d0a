package proxy

import (
	"regexp"
	"strings"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PortsAreSynced says whether a controller opens the ports of Gateways on the gateway's Service, and why that is believed,
// as a clause. Istio itself never does; Tencent Cloud Mesh does, for the gateways that it runs.
// Source: Tencent Cloud Mesh, "Gateway Management" (tencentcloud.com/document/product/1152/47471).
func PortsAreSynced(w *GatewayWorkload) (why string, synced bool) {
	objects := make([]metav1.Object, 0, len(w.Services)+1)
	for _, service := range w.Services {
		objects = append(objects, service)
	}
	if w.Workload != nil {
		objects = append(objects, w.Workload.Object)
	}
	for _, object := range objects {
		for _, owner := range object.GetOwnerReferences() {
			if strings.Contains(owner.APIVersion, "mesh.cloud.tencent.com/") {
				return object.GetName() + " belongs to " + owner.Kind + " " + owner.Name + " of Tencent Cloud Mesh, which opens the ports", true
			}
		}
	}
	revision := gatewayRevision(w)
	if !tencentRevision.MatchString(revision) {
		return "", false
	}
	for _, service := range w.Services {
		if annotation, ok := tencentLoadBalancer(service); ok && SyncSwitchedOff(service) == "" {
			return "revision " + revision + " and the annotation " + annotation + " of Service " + service.Namespace + "/" + service.Name +
				" are those of Tencent Cloud Mesh, which opens the ports", true
		}
	}
	return "", false
}

// tencentRevision is how Tencent Cloud Mesh names revisions: the version with dashes, "1-18-5".
var tencentRevision = regexp.MustCompile(`^\d+-\d+-\d+$`)

// tencentLoadBalancer is the annotation by which a Service's load balancer is known to be one of TKE.
// Source: TKE, "Service Annotation" (cloud.tencent.com/document/product/457/51258).
func tencentLoadBalancer(service *core.Service) (annotation string, ok bool) {
	for _, key := range []string{"service.kubernetes.io/loadbalance-id", "service.kubernetes.io/tke-existed-lbid"} {
		if service.Annotations[key] != "" {
			return key, true
		}
	}
	return "", false
}

// SyncSwitchedOff is the annotation ("key: value") that keeps the cloud's controller from carrying the Service's ports over
// to its load balancer, empty if there is none.
// Source: TKE, "Service Annotation" (cloud.tencent.com/document/product/457/51258): mode skip.
func SyncSwitchedOff(service *core.Service) string {
	const key = "service.cloud.tencent.com/mode"
	if strings.EqualFold(strings.TrimSpace(service.Annotations[key]), "skip") {
		return key + ": " + service.Annotations[key]
	}
	return ""
}
