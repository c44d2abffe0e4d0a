package mesh

import (
	networking "istio.io/client-go/pkg/apis/networking/v1"
	security "istio.io/client-go/pkg/apis/security/v1"
	admission "k8s.io/api/admissionregistration/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	k8snetworking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"
	gatewayapibeta "sigs.k8s.io/gateway-api/apis/v1beta1"
)

// Set is the objects of one kind.
type Set[T Object] struct {
	all         []T
	byNamespace map[string][]T
	byName      map[types.NamespacedName]T
}

// All are the objects, by namespace and name.
func (s *Set[T]) All() []T { return s.all }

// In are the objects of one namespace, by name.
func (s *Set[T]) In(namespace string) []T { return s.byNamespace[namespace] }

// Get is the object of that name; ok is false where there is none. The namespace of cluster-scoped objects is empty.
func (s *Set[T]) Get(namespace, name string) (object T, ok bool) {
	object, ok = s.byName[types.NamespacedName{Namespace: namespace, Name: name}]
	return object, ok
}

type setMemory Kind

func setOf[T Object](s *Snapshot, kind Kind) *Set[T] {
	s.Read(kind)
	return Remember(s, setMemory(kind), func() *Set[T] {
		objects := s.byKind[kind]
		set := &Set[T]{
			all:         make([]T, 0, len(objects)),
			byNamespace: map[string][]T{},
			byName:      make(map[types.NamespacedName]T, len(objects)),
		}
		for _, sourced := range objects {
			object := sourced.Object
			typed := object.(T)
			set.all = append(set.all, typed)
			set.byNamespace[object.GetNamespace()] = append(set.byNamespace[object.GetNamespace()], typed)
			set.byName[types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}] = typed
		}
		return set
	})
}

// Namespaces and the methods after it are the objects of each kind.
func (s *Snapshot) Namespaces() *Set[*core.Namespace] {
	return setOf[*core.Namespace](s, KindNamespace)
}

// Pods of a live cluster may have nothing but metadata; see Proxy for what can be asked of them.
func (s *Snapshot) Pods() *Set[*core.Pod] { return setOf[*core.Pod](s, KindPod) }

// Services are Kubernetes' own.
func (s *Snapshot) Services() *Set[*core.Service] { return setOf[*core.Service](s, KindService) }

// EndpointSlices are where the addresses behind Services stand.
func (s *Snapshot) EndpointSlices() *Set[*discovery.EndpointSlice] {
	return setOf[*discovery.EndpointSlice](s, KindEndpointSlice)
}

// Secrets are only those that a Gateway names.
func (s *Snapshot) Secrets() *Set[*core.Secret] { return setOf[*core.Secret](s, KindSecret) }

// ConfigMaps are only those that hold mesh configuration.
func (s *Snapshot) ConfigMaps() *Set[*core.ConfigMap] {
	return setOf[*core.ConfigMap](s, KindConfigMap)
}

// Deployments are one of the three kinds of Workload.
func (s *Snapshot) Deployments() *Set[*apps.Deployment] {
	return setOf[*apps.Deployment](s, KindDeployment)
}

// StatefulSets are one of the three kinds of Workload.
func (s *Snapshot) StatefulSets() *Set[*apps.StatefulSet] {
	return setOf[*apps.StatefulSet](s, KindStatefulSet)
}

// DaemonSets are one of the three kinds of Workload.
func (s *Snapshot) DaemonSets() *Set[*apps.DaemonSet] {
	return setOf[*apps.DaemonSet](s, KindDaemonSet)
}

// Ingresses refer to Service ports by name.
func (s *Snapshot) Ingresses() *Set[*k8snetworking.Ingress] {
	return setOf[*k8snetworking.Ingress](s, KindIngress)
}

// NetworkPolicies are Kubernetes' own, not those of a network plugin.
func (s *Snapshot) NetworkPolicies() *Set[*k8snetworking.NetworkPolicy] {
	return setOf[*k8snetworking.NetworkPolicy](s, KindNetworkPolicy)
}

// Webhooks are all mutating webhook configurations; see Injectors for those that inject proxies.
func (s *Snapshot) Webhooks() *Set[*admission.MutatingWebhookConfiguration] {
	return setOf[*admission.MutatingWebhookConfiguration](s, KindWebhook)
}

// Gateways are Istio's.
func (s *Snapshot) Gateways() *Set[*networking.Gateway] {
	return setOf[*networking.Gateway](s, KindGateway)
}

// VirtualServices are Istio's routes.
func (s *Snapshot) VirtualServices() *Set[*networking.VirtualService] {
	return setOf[*networking.VirtualService](s, KindVirtualService)
}

// DestinationRules say how a proxy speaks to a host.
func (s *Snapshot) DestinationRules() *Set[*networking.DestinationRule] {
	return setOf[*networking.DestinationRule](s, KindDestinationRule)
}

// ServiceEntries add hosts to the mesh.
func (s *Snapshot) ServiceEntries() *Set[*networking.ServiceEntry] {
	return setOf[*networking.ServiceEntry](s, KindServiceEntry)
}

// Sidecars bound what a sidecar proxy knows of.
func (s *Snapshot) Sidecars() *Set[*networking.Sidecar] {
	return setOf[*networking.Sidecar](s, KindSidecar)
}

// WorkloadEntries are members of the mesh that are not pods.
func (s *Snapshot) WorkloadEntries() *Set[*networking.WorkloadEntry] {
	return setOf[*networking.WorkloadEntry](s, KindWorkloadEntry)
}

// EnvoyFilters hold pieces of Envoy's own configuration, of any shape.
func (s *Snapshot) EnvoyFilters() *Set[*unstructured.Unstructured] {
	return setOf[*unstructured.Unstructured](s, KindEnvoyFilter)
}

// PeerAuthentications say where mutual TLS is demanded.
func (s *Snapshot) PeerAuthentications() *Set[*security.PeerAuthentication] {
	return setOf[*security.PeerAuthentication](s, KindPeerAuthentication)
}

// AuthorizationPolicies say who may call.
func (s *Snapshot) AuthorizationPolicies() *Set[*security.AuthorizationPolicy] {
	return setOf[*security.AuthorizationPolicy](s, KindAuthorizationPolicy)
}

// KubernetesGateways are the Gateway API's.
func (s *Snapshot) KubernetesGateways() *Set[*gatewayapi.Gateway] {
	return setOf[*gatewayapi.Gateway](s, KindKubernetesGateway)
}

// GatewayClasses are the Gateway API's.
func (s *Snapshot) GatewayClasses() *Set[*gatewayapi.GatewayClass] {
	return setOf[*gatewayapi.GatewayClass](s, KindGatewayClass)
}

// GRPCRoutes are the Gateway API's.
func (s *Snapshot) GRPCRoutes() *Set[*gatewayapi.GRPCRoute] {
	return setOf[*gatewayapi.GRPCRoute](s, KindGRPCRoute)
}

// HTTPRoutes are the Gateway API's.
func (s *Snapshot) HTTPRoutes() *Set[*gatewayapi.HTTPRoute] {
	return setOf[*gatewayapi.HTTPRoute](s, KindHTTPRoute)
}

// ReferenceGrants let routes and Gateways refer to another namespace.
func (s *Snapshot) ReferenceGrants() *Set[*gatewayapibeta.ReferenceGrant] {
	return setOf[*gatewayapibeta.ReferenceGrant](s, KindReferenceGrant)
}

// ListenerSets are the Gateway API's: listeners that others than its owner add to a Gateway.
func (s *Snapshot) ListenerSets() *Set[*gatewayapi.ListenerSet] {
	return setOf[*gatewayapi.ListenerSet](s, KindListenerSet)
}

// TCPRoutes are the Gateway API's.
func (s *Snapshot) TCPRoutes() *Set[*gatewayapi.TCPRoute] {
	return setOf[*gatewayapi.TCPRoute](s, KindTCPRoute)
}

// TLSRoutes are the Gateway API's.
func (s *Snapshot) TLSRoutes() *Set[*gatewayapi.TLSRoute] {
	return setOf[*gatewayapi.TLSRoute](s, KindTLSRoute)
}

// ServiceMonitors are the Prometheus operator's.
func (s *Snapshot) ServiceMonitors() *Set[*unstructured.Unstructured] {
	return setOf[*unstructured.Unstructured](s, KindServiceMonitor)
}

// HorizontalPodAutoscalers are Kubernetes' own, of autoscaling/v2 (v1 has the same fields for what is asked of them).
func (s *Snapshot) HorizontalPodAutoscalers() *Set[*autoscaling.HorizontalPodAutoscaler] {
	return setOf[*autoscaling.HorizontalPodAutoscaler](s, KindHorizontalPodAutoscaler)
}

// Rollouts are Argo Rollouts'.
func (s *Snapshot) Rollouts() *Set[*unstructured.Unstructured] {
	return setOf[*unstructured.Unstructured](s, KindRollout)
}

// ScaledObjects are KEDA's.
func (s *Snapshot) ScaledObjects() *Set[*unstructured.Unstructured] {
	return setOf[*unstructured.Unstructured](s, KindScaledObject)
}
