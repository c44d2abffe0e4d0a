package oracle

import (
	"math/rand/v2"
	"regexp"
	"strings"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbac "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	securityapi "istio.io/api/security/v1beta1"
	typeapi "istio.io/api/type/v1beta1"
	security "istio.io/client-go/pkg/apis/security/v1"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/test"
	"istio.io/istio/pkg/wellknown"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
)

// topicCustom is what a sidecar does with what the rules of a CUSTOM policy match.
const topicCustom = "custom"

const (
	asksProvider = "asks the provider"
	denies       = "denies"
)

// authorizer is a Service that every mesh with CUSTOM policies has.
const authorizer = "authz." + rootNamespace + ".svc.cluster.local"

// meshText is the key of the mesh config in its ConfigMap.
const meshText = "mesh"

// NewCustomMesh makes the mesh of a seed: pods, providers of external authorization, and policies that name them.
func NewCustomMesh(seed uint64) *Mesh {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 0x637573746f6d)), mesh: &Mesh{Seed: seed}}
	m.makeApplications()
	m.makeServiceEntries()
	m.makeService(rootNamespace, "authz")
	config := &core.ConfigMap{ObjectMeta: m.meta(rootNamespace, "istio")}
	config.Data = map[string]string{meshText: m.extensionProviders()}
	m.add(config)
	for range m.between(1, 4) {
		m.makeCustomPolicy()
	}
	return m.mesh
}

// extensionProviders is a mesh config with providers. istiod takes no mesh config with two of one name.
func (m *maker) extensionProviders() string {
	var text strings.Builder
	text.WriteString("extensionProviders:\n")
	for _, name := range some(m, 3, "opa", "ext", "trace", "UPPER") {
		service := pick(m, authorizer, authorizer, authorizer, rootNamespace+"/"+authorizer, "orders.shop.svc.cluster.local", "cart.back.svc.cluster.local", "shop/orders.shop.svc.cluster.local",
			"back/orders.shop.svc.cluster.local", "absent.shop.svc.cluster.local", "ext.example.net", "api.example.net")
		kind := pick(m, "envoyExtAuthzGrpc", "envoyExtAuthzGrpc", "envoyExtAuthzHttp", "zipkin")
		text.WriteString("- {name: " + name + ", " + kind + ": {service: " + service + ", port: 8000}}\n")
	}
	return text.String()
}

func (m *maker) makeCustomPolicy() {
	object := &security.AuthorizationPolicy{ObjectMeta: m.meta(pick(m, rootNamespace, shopNamespace, backNamespace), m.unique("custom"))}
	object.Spec.Action = securityapi.AuthorizationPolicy_CUSTOM
	object.Spec.ActionDetail = &securityapi.AuthorizationPolicy_Provider{
		Provider: &securityapi.AuthorizationPolicy_ExtensionProvider{Name: pick(m, "opa", "opa", "opa", "opa", "ext", "ext", "trace", "UPPER", "absent")},
	}
	object.Spec.Rules = []*securityapi.Rule{{To: []*securityapi.Rule_To{{Operation: &securityapi.Operation{Paths: []string{"/shop.Orders/*"}}}}}}
	if m.chance(40) {
		object.Spec.Selector = &typeapi.WorkloadSelector{MatchLabels: map[string]string{"app": pick(m, serviceNames...)}}
	}
	if m.chance(15) {
		object.Annotations = map[string]string{"istio.io/dry-run": "true"}
	}
	m.add(object)
}

// AskIstiodOfCustom says what the sidecars of ready pods do with what the rules of CUSTOM policies match.
func AskIstiodOfCustom(m *Mesh) (Facts, error) {
	facts := Facts{}
	err := test.Wrap(func(t test.Failer) {
		options, err := istiodOptions(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, config := range objectsOf[*core.ConfigMap](m) {
			if options.MeshConfig, err = mesh.ApplyMeshConfigDefaults(config.Data[meshText]); err != nil {
				t.Fatal(err)
			}
		}
		server := newIstiod(t, options)
		for _, pod := range m.readyPods() {
			answer := &istiodAnswer{server: server, proxy: server.SetupProxy(sidecarOf(pod)), facts: facts}
			for _, built := range server.Listeners(answer.proxy) {
				if built.GetTrafficDirection().String() == "INBOUND" {
					answer.tellCustom(built)
				}
			}
		}
	})
	return facts, err
}

// policyOfRule takes the policy out of the name that istiod gives to a rule of it.
var policyOfRule = regexp.MustCompile(`ns\[(.*)\]-policy\[(.*)\]-rule\[\d+\](-deny-due-to-bad-CUSTOM-action)?$`)

func (a *istiodAnswer) tellCustom(built *listener.Listener) {
	for _, chain := range built.FilterChains {
		for _, filter := range chain.Filters {
			manager := &hcm.HttpConnectionManager{}
			if filter.Name != wellknown.HTTPConnectionManager || filter.GetTypedConfig().UnmarshalTo(manager) != nil {
				continue
			}
			for _, entry := range manager.HttpFilters {
				a.tellRBAC(entry)
			}
		}
	}
}

func (a *istiodAnswer) tellRBAC(filter *hcm.HttpFilter) {
	rules := &rbac.RBAC{}
	if filter.Name != wellknown.HTTPRoleBasedAccessControl || filter.GetTypedConfig().UnmarshalTo(rules) != nil {
		return
	}
	for name := range rules.GetRules().GetPolicies() {
		if match := policyOfRule.FindStringSubmatch(name); match != nil && match[3] != "" {
			a.set(topicCustom, match[1]+"/"+match[2], denies)
		}
	}
	for name := range rules.GetShadowRules().GetPolicies() {
		if match := policyOfRule.FindStringSubmatch(name); match != nil {
			a.set(topicCustom, match[1]+"/"+match[2], asksProvider)
		}
	}
}

// AskModelOfCustom asks pkg/mesh the same.
func AskModelOfCustom(m *Mesh) Facts {
	facts := Facts{}
	snapshot := m.Snapshot()
	for _, pod := range m.readyPods() {
		for _, provider := range policy.CustomProviders(snapshot, pod.Namespace, pod.Labels) {
			does := asksProvider
			if provider.Fault != "" {
				does = denies
			}
			for _, object := range provider.Policies {
				facts.set(topicCustom, pod.Name+"."+pod.Namespace+" "+object.Namespace+"/"+object.Name, does)
			}
		}
	}
	return facts
}
