package expose

import "github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"

// Reads are the kinds on which Build's answer depends, and what follows from it. Pods and Ingresses matter in the workload's namespace alone,
// EndpointSlices where the control planes are.
var Reads = []mesh.Kind{
	mesh.KindNamespace, mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet, mesh.KindPod,
	mesh.KindService, mesh.KindEndpointSlice, mesh.KindIngress, mesh.KindServiceMonitor,
	mesh.KindWebhook, mesh.KindConfigMap, mesh.KindGateway, mesh.KindVirtualService, mesh.KindSecret,
}
