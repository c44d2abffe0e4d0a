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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"
	gatewayapibeta "sigs.k8s.io/gateway-api/apis/v1beta1"
)

// Object is any Kubernetes object that a Snapshot holds.
type Object interface {
	metav1.Object
	runtime.Object
}

// Kind names a kind of object that the model reads. Its text is what users see in "skipped" lines.
type Kind string

// The kinds that the model reads.
const (
	KindNamespace     Kind = "Namespace"
	KindPod           Kind = "Pod"
	KindService       Kind = "Service"
	KindEndpointSlice Kind = "EndpointSlice"
	KindSecret        Kind = "Secret"
	KindConfigMap     Kind = "ConfigMap"
	KindResourceQuota Kind = "ResourceQuota"
	KindDeployment    Kind = "Deployment"
	KindStatefulSet   Kind = "StatefulSet"
	KindDaemonSet     Kind = "DaemonSet"
	KindIngress       Kind = "Ingress"
	KindNetworkPolicy Kind = "NetworkPolicy"
	KindWebhook       Kind = "MutatingWebhookConfiguration"

	KindGateway         Kind = "Gateway"
	KindVirtualService  Kind = "VirtualService"
	KindDestinationRule Kind = "DestinationRule"
	KindServiceEntry    Kind = "ServiceEntry"
	KindSidecar         Kind = "Sidecar"
	KindEnvoyFilter     Kind = "EnvoyFilter"
	KindWorkloadEntry   Kind = "WorkloadEntry"

	KindPeerAuthentication  Kind = "PeerAuthentication"
	KindAuthorizationPolicy Kind = "AuthorizationPolicy"

	// KindKubernetesGateway is the Gateway of the Gateway API, as opposed to Istio's own.
	KindKubernetesGateway Kind = "Gateway.gateway.networking.k8s.io"
	KindGatewayClass      Kind = "GatewayClass"
	KindGRPCRoute         Kind = "GRPCRoute"
	KindHTTPRoute         Kind = "HTTPRoute"
	KindReferenceGrant    Kind = "ReferenceGrant"
	KindListenerSet       Kind = "ListenerSet"
	KindTCPRoute          Kind = "TCPRoute"
	KindTLSRoute          Kind = "TLSRoute"

	// KindServiceMonitor and KindPodMonitor are the Prometheus operator's: they refer to ports by name.
	KindServiceMonitor Kind = "ServiceMonitor"
	KindPodMonitor     Kind = "PodMonitor"
	// These decide how many pods a workload has: KindRollout is Argo's, KindScaledObject is KEDA's.
	KindHorizontalPodAutoscaler Kind = "HorizontalPodAutoscaler"
	KindRollout                 Kind = "Rollout"
	KindScaledObject            Kind = "ScaledObject"
)

// KindInfo is what it takes to find the objects of a Kind.
type KindInfo struct {
	// GroupVersionKind has the newest version that this program knows; objects of older versions decode into the same type.
	schema.GroupVersionKind
	// Resource is the plural name in URLs.
	Resource string
	// ClusterScoped objects have no namespace.
	ClusterScoped bool

	new func() Object
}

// GroupVersionResource is the resource of the kind's newest known version.
func (i KindInfo) GroupVersionResource() schema.GroupVersionResource {
	return i.GroupVersion().WithResource(i.Resource)
}

var kinds = map[Kind]KindInfo{
	KindNamespace:     {coreKind("Namespace"), "namespaces", true, func() Object { return &core.Namespace{} }},
	KindPod:           {coreKind("Pod"), "pods", false, func() Object { return &core.Pod{} }},
	KindService:       {coreKind("Service"), "services", false, func() Object { return &core.Service{} }},
	KindSecret:        {coreKind("Secret"), "secrets", false, func() Object { return &core.Secret{} }},
	KindConfigMap:     {coreKind("ConfigMap"), "configmaps", false, func() Object { return &core.ConfigMap{} }},
	KindResourceQuota: {coreKind("ResourceQuota"), "resourcequotas", false, func() Object { return &core.ResourceQuota{} }},

	KindEndpointSlice: {discovery.SchemeGroupVersion.WithKind("EndpointSlice"), "endpointslices", false, func() Object { return &discovery.EndpointSlice{} }},
	KindDeployment:    {apps.SchemeGroupVersion.WithKind("Deployment"), "deployments", false, func() Object { return &apps.Deployment{} }},
	KindStatefulSet:   {apps.SchemeGroupVersion.WithKind("StatefulSet"), "statefulsets", false, func() Object { return &apps.StatefulSet{} }},
	KindDaemonSet:     {apps.SchemeGroupVersion.WithKind("DaemonSet"), "daemonsets", false, func() Object { return &apps.DaemonSet{} }},
	KindIngress:       {k8snetworking.SchemeGroupVersion.WithKind("Ingress"), "ingresses", false, func() Object { return &k8snetworking.Ingress{} }},
	KindNetworkPolicy: {k8snetworking.SchemeGroupVersion.WithKind("NetworkPolicy"), "networkpolicies", false, func() Object { return &k8snetworking.NetworkPolicy{} }},
	KindWebhook: {
		admission.SchemeGroupVersion.WithKind("MutatingWebhookConfiguration"), "mutatingwebhookconfigurations", true,
		func() Object { return &admission.MutatingWebhookConfiguration{} },
	},

	KindGateway:         {networkingKind("Gateway"), "gateways", false, func() Object { return &networking.Gateway{} }},
	KindVirtualService:  {networkingKind("VirtualService"), "virtualservices", false, func() Object { return &networking.VirtualService{} }},
	KindDestinationRule: {networkingKind("DestinationRule"), "destinationrules", false, func() Object { return &networking.DestinationRule{} }},
	KindServiceEntry:    {networkingKind("ServiceEntry"), "serviceentries", false, func() Object { return &networking.ServiceEntry{} }},
	KindSidecar:         {networkingKind("Sidecar"), "sidecars", false, func() Object { return &networking.Sidecar{} }},
	KindWorkloadEntry:   {networkingKind("WorkloadEntry"), "workloadentries", false, func() Object { return &networking.WorkloadEntry{} }},
	// EnvoyFilter has never left v1alpha3, and its Go type's Struct values hold any JSON.
	KindEnvoyFilter: {
		schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1alpha3", Kind: "EnvoyFilter"},
		"envoyfilters", false,
		func() Object { return &unstructured.Unstructured{} },
	},

	KindPeerAuthentication: {
		security.SchemeGroupVersion.WithKind("PeerAuthentication"), "peerauthentications", false,
		func() Object { return &security.PeerAuthentication{} },
	},
	KindAuthorizationPolicy: {
		security.SchemeGroupVersion.WithKind("AuthorizationPolicy"), "authorizationpolicies", false,
		func() Object { return &security.AuthorizationPolicy{} },
	},

	KindKubernetesGateway: {gatewayKind("Gateway"), "gateways", false, func() Object { return &gatewayapi.Gateway{} }},
	KindGatewayClass:      {gatewayKind("GatewayClass"), "gatewayclasses", true, func() Object { return &gatewayapi.GatewayClass{} }},
	KindGRPCRoute:         {gatewayKind("GRPCRoute"), "grpcroutes", false, func() Object { return &gatewayapi.GRPCRoute{} }},
	KindHTTPRoute:         {gatewayKind("HTTPRoute"), "httproutes", false, func() Object { return &gatewayapi.HTTPRoute{} }},
	KindListenerSet:       {gatewayKind("ListenerSet"), "listenersets", false, func() Object { return &gatewayapi.ListenerSet{} }},
	KindTCPRoute:          {gatewayKind("TCPRoute"), "tcproutes", false, func() Object { return &gatewayapi.TCPRoute{} }},
	KindTLSRoute:          {gatewayKind("TLSRoute"), "tlsroutes", false, func() Object { return &gatewayapi.TLSRoute{} }},
	KindReferenceGrant: {
		schema.GroupVersionKind{Group: gatewayapi.GroupName, Version: "v1beta1", Kind: "ReferenceGrant"},
		"referencegrants", false,
		func() Object { return &gatewayapibeta.ReferenceGrant{} },
	},

	KindServiceMonitor: {monitoringKind("ServiceMonitor"), "servicemonitors", false, func() Object { return &unstructured.Unstructured{} }},
	KindPodMonitor:     {monitoringKind("PodMonitor"), "podmonitors", false, func() Object { return &unstructured.Unstructured{} }},

	KindHorizontalPodAutoscaler: {
		autoscaling.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"), "horizontalpodautoscalers", false,
		func() Object { return &autoscaling.HorizontalPodAutoscaler{} },
	},
	KindRollout: {
		schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"},
		"rollouts", false,
		func() Object { return &unstructured.Unstructured{} },
	},
	KindScaledObject: {
		schema.GroupVersionKind{Group: "keda.sh", Version: "v1alpha1", Kind: "ScaledObject"},
		"scaledobjects", false,
		func() Object { return &unstructured.Unstructured{} },
	},
}

func coreKind(kind string) schema.GroupVersionKind { return core.SchemeGroupVersion.WithKind(kind) }

func networkingKind(kind string) schema.GroupVersionKind {
	return networking.SchemeGroupVersion.WithKind(kind)
}

func gatewayKind(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: gatewayapi.GroupName, Version: "v1", Kind: kind}
}

func monitoringKind(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: kind}
}

var kindByGroupKind = func() map[schema.GroupKind]Kind {
	byGroupKind := make(map[schema.GroupKind]Kind, len(kinds))
	for kind, info := range kinds {
		byGroupKind[info.GroupKind()] = kind
	}
	return byGroupKind
}()

// Kinds lists every Kind that the model reads, in no particular order.
func Kinds() []Kind {
	all := make([]Kind, 0, len(kinds))
	for kind := range kinds {
		all = append(all, kind)
	}
	return all
}

// Info says where the objects of a kind are found.
func (k Kind) Info() KindInfo { return kinds[k] }

// KindOf is the Kind of a group and kind, whatever the version; ok is false for one that the model does not read.
func KindOf(gk schema.GroupKind) (kind Kind, ok bool) {
	kind, ok = kindByGroupKind[gk]
	return kind, ok
}
