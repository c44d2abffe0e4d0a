// Package expose decides what it takes to give a workload's gRPC port an address at the mesh's gateway: an Intent and a
// snapshot in, a plan out. It reads and writes nothing itself.
package expose

import (
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

// Intent is what the user asks for. Zero values mean "find out".
type Intent struct {
	// Kind is KindDeployment, KindStatefulSet or KindDaemonSet, or empty for whichever has the name.
	Kind      mesh.Kind
	Namespace string
	Name      string

	// TargetPort is the port on which the gRPC server listens, by number or name.
	TargetPort intstr.IntOrString
	// Port is the one outside, at the gateway.
	Port int32
	// Service is the name of the Service to use or make.
	Service string
	PortFix PortFix

	Inject   Inject
	Revision string
	Restart  remedy.RestartScope

	// GatewaySelector picks the gateway's proxies, Gateway ("namespace/name") an existing Gateway.
	GatewaySelector map[string]string
	Gateway         string
	// GatewayWorkload ("namespace/name") names the gateway's proxies where labels do not tell them from others.
	GatewayWorkload string
	// OpenGatewayPort lets the port be added to the gateway's Service.
	OpenGatewayPort bool

	// Hosts are the names in the :authority of calls; none means "*", or what an existing route has.
	Hosts []string
	// GRPCServices are full names (package.Service); with them only their calls are routed, without them every call.
	GRPCServices []string

	// TLSSecret is the Secret with the certificate, in the namespace of the gateway's pods.
	TLSSecret string
	// TLSMutual demands a certificate of the client.
	TLSMutual bool

	// Offline says that there is no cluster to ask: what only a cluster can answer comes from the fields above, with
	// Istio's defaults, and every default that was taken is said in a note.
	Offline bool
}

// gatewayName is the Gateway of --gateway; without a namespace it is beside the workload.
func (i Intent) gatewayName() types.NamespacedName {
	namespace, name, qualified := strings.Cut(i.Gateway, "/")
	if !qualified {
		return types.NamespacedName{Namespace: i.Namespace, Name: i.Gateway}
	}
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// tlsMode is that of a server with TLSSecret.
func (i Intent) tlsMode() networkingapi.ServerTLSSettings_TLSmode {
	if i.TLSMutual {
		return networkingapi.ServerTLSSettings_MUTUAL
	}
	return networkingapi.ServerTLSSettings_SIMPLE
}

// PortFix says how a Service port is made gRPC.
type PortFix string

const (
	// PortFixAuto renames the port if nothing refers to its name, else sets appProtocol.
	PortFixAuto PortFix = ""
	// PortFixName renames it in any case.
	PortFixName PortFix = "name"
	// PortFixAppProtocol sets appProtocol in any case.
	PortFixAppProtocol PortFix = "app-protocol"
)

// Inject says where the label goes that makes an injector select the pods.
type Inject string

const (
	// InjectNamespace labels the namespace.
	InjectNamespace Inject = "namespace"
	// InjectWorkload labels the pod template.
	InjectWorkload Inject = "workload"
	// InjectNone leaves injection as it is.
	InjectNone Inject = "none"
)
