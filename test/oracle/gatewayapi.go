package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pilot/pkg/config/kube/gateway"
	networkingcore "istio.io/istio/pilot/pkg/networking/core"
	kubecontroller "istio.io/istio/pilot/pkg/serviceregistry/kube/controller"
	"istio.io/istio/pkg/config/constants"
	"istio.io/istio/pkg/config/schema/gvk"
	"istio.io/istio/pkg/config/schema/gvr"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/kclient/clienttest"
	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/test"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/gateway-api/pkg/consts"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

// The topics of the Gateway API.
const (
	topicAttached = "attached"
	topicBackends = "backends"
)

// AskIstiodOfGatewayAPI says which listeners istiod binds the mesh's routes to, and to which ports of Services they lead. It is
// read from the Gateways and VirtualServices that istiod makes of the Gateway API's objects.
func AskIstiodOfGatewayAPI(m *Mesh) (Facts, error) {
	backends := backendSets{}
	facts := Facts{}
	err := test.Wrap(func(t test.Failer) {
		controller := gatewayController(t, m)
		for _, made := range controller.List(gvk.VirtualService, "") {
			spec := made.Spec.(*networkingapi.VirtualService)
			if spec.Gateways[0] == "mesh" {
				continue
			}
			for route := range strings.SplitSeq(made.Annotations[constants.InternalParentNames], ",") {
				facts.set(topicAttached, route+" at "+listenerOf(spec.Gateways[0]), "yes")
			}
			for _, rule := range spec.Http {
				for _, destination := range rule.Route {
					host, port := destination.GetDestination().GetHost(), destination.GetDestination().GetPort().GetNumber()
					backends.add(routeOfRule(rule.Name), m.servicePort(host, port))
				}
			}
		}
	})
	backends.tell(facts)
	return facts, err
}

// gatewayController is istiod's controller for the Gateway API, when it has made what it makes of the mesh.
func gatewayController(t test.Failer, m *Mesh) *gateway.Controller {
	var objects []runtime.Object
	for _, object := range m.Objects {
		objects = append(objects, object.DeepCopyObject())
	}
	client := kube.NewFakeClient(objects...)
	for _, served := range []schema.GroupVersionResource{
		gvr.KubernetesGateway, gvr.GatewayClass, gvr.GRPCRoute, gvr.HTTPRoute, gvr.TCPRoute, gvr.TLSRoute, gvr.ListenerSet, gvr.ReferenceGrant,
		gvr.BackendTLSPolicy, gvr.ServiceEntry, gvr.XBackendTrafficPolicy,
	} {
		clienttest.MakeCRDWithAnnotations(t, client, served, map[string]string{consts.BundleVersionAnnotation: consts.BundleVersion})
	}
	stop := test.NewStop(t)
	ready := func(schema.GroupVersionResource, <-chan struct{}) bool { return true }
	controller := gateway.NewController(client, ready, kubecontroller.Options{DomainSuffix: "cluster.local", KrtDebugger: &krt.DebugHandler{}}, nil)
	go controller.Run(stop)
	client.RunAndWait(stop)
	controller.Reconcile(networkingcore.NewConfigGenTest(t, networkingcore.TestOptions{}).PushContext())
	kube.WaitForCacheSync("oracle", stop, controller.HasSynced)
	return controller
}

// listenerOf turns the name of the Gateway that istiod makes of a listener into namespace/gateway/listener.
func listenerOf(internal string) string {
	return strings.Replace(internal, "~"+constants.KubernetesGatewayName+"~", "/", 1)
}

// routeOfRule is the namespace and name of the route that a rule was made from: it is called namespace.name.place.
func routeOfRule(rule string) string {
	return rule[:strings.LastIndex(rule, ".")]
}

// servicePort is the host and port if the mesh has a Service with them, else empty: calls to others go nowhere.
func (m *Mesh) servicePort(name string, port uint32) string {
	for _, service := range objectsOf[*core.Service](m) {
		for _, has := range service.Spec.Ports {
			if host.ServiceHost(service) == name && has.Port == int32(port) {
				return fmt.Sprintf("%s:%d", name, port)
			}
		}
	}
	return ""
}

// backendSets are the backends of each route.
type backendSets map[string]map[string]bool

func (b backendSets) add(route, backend string) {
	if backend == "" {
		return
	}
	if b[route] == nil {
		b[route] = map[string]bool{}
	}
	b[route][backend] = true
}

func (b backendSets) tell(facts Facts) {
	for route, backends := range b {
		facts.set(topicBackends, route, strings.Join(slices.Sorted(maps.Keys(backends)), ", "))
	}
}

// AskModelOfGatewayAPI asks pkg/mesh the same.
func AskModelOfGatewayAPI(m *Mesh) Facts {
	facts := Facts{}
	snapshot := m.Snapshot()
	for _, route := range gatewayapi.APIRoutes(snapshot) {
		for _, parent := range append(gatewayapi.GatewayParents(snapshot, route), gatewayapi.ListenerSetParents(snapshot, route)...) {
			if parent.Gateway == nil || !gatewayapi.IsIstioIngress(snapshot, parent.Gateway) {
				continue
			}
			for _, match := range parent.Listeners {
				if match.Attachment != gatewayapi.Attached {
					continue
				}
				subject := fmt.Sprintf("%s/%s.%s at %s/%s/%s", route.Key.Kind.Info().Kind, route.Key.Name, route.Key.Namespace,
					parent.Namespace, parent.Name, match.Listener.Name)
				facts.set(topicAttached, subject, "yes")
			}
		}
	}
	backends := backendSets{}
	for _, backend := range gatewayapi.RouteBackends(snapshot) {
		host := host.ServiceHost(backend.Service)
		backends.add(backend.Route.GetNamespace()+"."+backend.Route.GetName(), fmt.Sprintf("%s:%d", host, backend.Port))
	}
	backends.tell(facts)
	return facts
}
