package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// EnvoyPatch is one entry of an EnvoyFilter's configPatches.
type EnvoyPatch struct {
	Filter *unstructured.Unstructured
	Index  int
	Spec   *networkingapi.EnvoyFilter_EnvoyConfigObjectPatch
	// Value is the piece of Envoy's configuration that it puts in, nil for none.
	Value map[string]any

	filter *networkingapi.EnvoyFilter
}

// Selector are labels that the pods must have whose proxy the patch changes; none where it says otherwise, or nothing, about pods.
func (p EnvoyPatch) Selector() map[string]string {
	if len(p.filter.GetTargetRefs()) > 0 {
		return nil
	}
	return p.filter.GetWorkloadSelector().GetLabels()
}

type envoyPatchesMemory struct{ filter mesh.Key }

type envoyPatches struct {
	patches []EnvoyPatch
	err     error
}

// EnvoyPatches are a filter's patches in their order. The error says what of the filter cannot be read; istiod's webhook
// refuses such a filter.
func EnvoyPatches(s *mesh.Snapshot, filter *unstructured.Unstructured) ([]EnvoyPatch, error) {
	parsed := mesh.Remember(s, envoyPatchesMemory{mesh.KeyOf(filter)}, func() envoyPatches {
		patches, err := parseEnvoyPatches(filter)
		return envoyPatches{patches, err}
	})
	return parsed.patches, parsed.err
}

// EnvoyFiltersInOrder are all filters in the order in which istiod applies those that a proxy gets.
// Source: Istio's pilot/pkg/model/push_context.go (EnvoyFilters).
func EnvoyFiltersInOrder(s *mesh.Snapshot) []*unstructured.Unstructured {
	root := proxy.RootNamespace(s)
	return slices.SortedFunc(slices.Values(s.EnvoyFilters().All()), func(a, b *unstructured.Unstructured) int {
		return cmp.Or(
			cmp.Compare(priorityOf(a), priorityOf(b)), proxy.BoolRank(a.GetNamespace() == root)-proxy.BoolRank(b.GetNamespace() == root),
			a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
			cmp.Compare(a.GetName()+"."+a.GetNamespace(), b.GetName()+"."+b.GetNamespace()),
		)
	})
}

func priorityOf(filter *unstructured.Unstructured) int64 {
	switch priority, _, _ := unstructured.NestedFieldNoCopy(filter.Object, "spec", "priority"); number := priority.(type) {
	case int64:
		return number
	case float64:
		return int64(number)
	default:
		return 0
	}
}

func parseEnvoyPatches(filter *unstructured.Unstructured) ([]EnvoyPatch, error) {
	content, ok := filter.Object["spec"].(map[string]any)
	if !ok {
		return nil, nil
	}
	data, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mesh.KeyOf(filter), err)
	}
	spec := &networkingapi.EnvoyFilter{}
	if err := spec.UnmarshalJSON(data); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %s", mesh.KeyOf(filter), mesh.InUsersWords(err))
	}
	var patches []EnvoyPatch
	for i, patch := range spec.GetConfigPatches() {
		patches = append(patches, EnvoyPatch{
			Filter: filter, Index: i, Spec: patch, Value: patch.GetPatch().GetValue().AsMap(), filter: spec,
		})
	}
	return patches, nil
}

// ProxyHop is one proxy that a call goes through, and by which of its listeners and routes.
type ProxyHop struct {
	Context networkingapi.EnvoyFilter_PatchContext
	// Namespace and Labels are those of the proxy's pods.
	Namespace string
	Labels    map[string]string
	// ListenerPort is where a gateway listens, or the port of the pods behind a sidecar; 0 for not known.
	ListenerPort int32
	// RoutePort is the Gateway server's number, or the Service's port; 0 for not known.
	RoutePort int32
	// RouteConfiguration is the name of the routes that it goes by; empty for not known.
	RouteConfiguration string
	// Host is the one that the call is for; empty for not known.
	Host string
	// Routes are the names that its route may have ("" is that of a route without name); none for not known.
	Routes []string
	// Template is what the proxy's pods are made from; nil for not known.
	Template *core.PodTemplateSpec
}

// AppliesTo says whether the patch changes what the call meets in that proxy, as far as the patch's own conditions on context,
// proxy, listener, port, host and route say; Sometimes is for a proxy whose version or metadata is not known. Conditions on
// filters are taken as met.
// Source: Istio's pilot/pkg/networking/core/envoyfilter (listenerMatch, filterChainMatch, routeConfigurationMatch,
// virtualHostMatch, routeMatch) and pilot/pkg/model/push_context.go (getMatchedEnvoyFilters).
func AppliesTo(s *mesh.Snapshot, patch EnvoyPatch, hop ProxyHop) Match {
	context := patch.Spec.GetMatch().GetContext()
	if context != networkingapi.EnvoyFilter_ANY && context != hop.Context {
		return Never
	}
	if !attaches(s, patch, hop) || !listenerMatches(patch.Spec.GetMatch().GetListener(), hop) ||
		!routesMatch(patch.Spec.GetMatch().GetRouteConfiguration(), hop) {
		return Never
	}
	return proxyMatches(patch.Spec.GetMatch().GetProxy(), hop.Template)
}

// proxyMatches holds conditions on the proxy itself against the image and the environment of its container, for what these say.
// Source: Istio's pilot/pkg/model/envoyfilter.go (proxyMatch), pkg/bootstrap/config.go (SetIstioVersion, IstioMetaPrefix).
func proxyMatches(match *networkingapi.EnvoyFilter_ProxyMatch, template *core.PodTemplateSpec) Match {
	result := Always
	if wanted := match.GetProxyVersion(); wanted != "" {
		expression, err := regexp.Compile(wanted)
		switch version := proxyVersion(template); {
		case err != nil: // istiod's webhook refuses it
		case version == "":
			result = Sometimes
		default:
			result = yes(expression.MatchString(version))
		}
	}
	for name, value := range match.GetMetadata() {
		stated := ""
		if template != nil {
			stated = proxy.EnvironmentOf(template, "ISTIO_META_"+name)
		}
		if stated == "" {
			result = min(result, Sometimes)
		} else {
			result = min(result, yes(stated == value))
		}
	}
	return result
}

// proxyVersion is the tag of the proxy's own image, as "1.26.4"; empty where it is not known, as of a proxy yet to be injected.
func proxyVersion(template *core.PodTemplateSpec) string {
	if template == nil {
		return ""
	}
	for _, container := range workload.ServingContainers(&template.Spec) {
		tag := proxy.ImageTag(container.Image)
		if container.Name == workload.ProxyContainer && versionTag.MatchString(tag) {
			return tag
		}
	}
	return ""
}

var versionTag = regexp.MustCompile(`^[0-9]+\.[0-9]+`)

// attaches follows ShouldAttachPolicy in Istio's pilot/pkg/model/policyattachment.go: targetRefs name Gateways of the Gateway
// API, whose proxies carry their name as a label.
func attaches(s *mesh.Snapshot, patch EnvoyPatch, hop ProxyHop) bool {
	namespace := patch.Filter.GetNamespace()
	if namespace != hop.Namespace && namespace != proxy.RootNamespace(s) {
		return false
	}
	if targets := patch.filter.GetTargetRefs(); len(targets) > 0 {
		gateway := hop.Labels[proxy.GatewayNameLabel]
		for _, target := range targets {
			if gateway != "" && target.GetKind() == "Gateway" && target.GetName() == gateway && namespace == hop.Namespace {
				return true
			}
		}
		return false
	}
	return mesh.HasLabels(hop.Labels, patch.filter.GetWorkloadSelector().GetLabels())
}

func listenerMatches(match *networkingapi.EnvoyFilter_ListenerMatch, hop ProxyHop) bool {
	inbound := hop.Context == networkingapi.EnvoyFilter_SIDECAR_INBOUND
	name := match.GetName()
	switch {
	case name == "":
	case inbound && name != "virtualInbound":
		return false
	case !inbound && hop.ListenerPort != 0 && !strings.HasSuffix(name, "_"+strconv.Itoa(int(hop.ListenerPort))):
		return false
	}
	if !portMatches(match.GetPortNumber(), hop.ListenerPort) {
		return false
	}
	sni := match.GetFilterChain().GetSni()
	return (sni == "" || hop.Host == "" || sni == hop.Host) &&
		portMatches(match.GetFilterChain().GetDestinationPort(), hop.ListenerPort)
}

func routesMatch(match *networkingapi.EnvoyFilter_RouteConfigurationMatch, hop ProxyHop) bool {
	if !portMatches(match.GetPortNumber(), hop.RoutePort) {
		return false
	}
	if hop.RouteConfiguration != "" && !routeConfigurationMatches(match, hop) {
		return false
	}
	route := match.GetVhost().GetRoute().GetName()
	if route != "" && len(hop.Routes) > 0 && !slices.Contains(hop.Routes, route) {
		return false
	}
	return hop.Host == "" || virtualHostMatches(match.GetVhost(), hop)
}

// routeConfigurationMatches judges by the name; a sidecar's is of no Gateway, and conditions on one are no matter there.
func routeConfigurationMatches(match *networkingapi.EnvoyFilter_RouteConfigurationMatch, hop ProxyHop) bool {
	if !nameMatches(match.GetName(), hop.RouteConfiguration) {
		return false
	}
	if hop.Context != networkingapi.EnvoyFilter_GATEWAY {
		return true
	}
	portName, gateway := partsOfRouteConfiguration(hop.RouteConfiguration)
	return nameMatches(match.GetPortName(), portName) && nameMatches(match.GetGateway(), gateway)
}

// virtualHostMatches: the virtual host is named host:port, after the Gateway server's number, and has the host as its domain.
// Source: Istio's pilot/pkg/networking/core/gateway.go (buildGatewayHTTPRouteConfig).
func virtualHostMatches(match *networkingapi.EnvoyFilter_RouteConfigurationMatch_VirtualHostMatch, hop ProxyHop) bool {
	name := match.GetName()
	if hop.RoutePort != 0 && hop.Context == networkingapi.EnvoyFilter_GATEWAY &&
		!nameMatches(name, net.JoinHostPort(hop.Host, strconv.Itoa(int(hop.RoutePort)))) {
		return false
	}
	return nameMatches(match.GetDomainName(), hop.Host)
}

// partsOfRouteConfiguration are the name of the server's port and the Gateway (namespace/name) in the name of a gateway's route
// configuration; only that of an HTTPS server has them.
// Source: Istio's pilot/pkg/model/gateway.go (ParseGatewayRDSRouteName).
func partsOfRouteConfiguration(name string) (portName, gateway string) {
	parts := strings.Split(name, ".")
	if len(parts) != 5 || parts[0] != "https" {
		return "", ""
	}
	return parts[2], parts[4] + "/" + parts[3]
}

// nameMatches holds a name that a patch asks for (empty for any) against that of what it would change.
func nameMatches(wanted, name string) bool { return wanted == "" || wanted == name }

// portMatches holds a port that a patch asks for (0 for any) against the hop's (0 for not known).
func portMatches(wanted uint32, port int32) bool {
	return wanted == 0 || port == 0 || wanted == uint32(port)
}
