package policy

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	meshapi "istio.io/api/mesh/v1alpha1"
	securityapi "istio.io/api/security/v1beta1"
	security "istio.io/client-go/pkg/apis/security/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// ProviderFault says why istiod cannot use an extension provider. It then denies what the rules of its policies match.
type ProviderFault string

// The faults.
const (
	// ProviderMissing: the mesh config has no provider of the name for external authorization.
	ProviderMissing ProviderFault = "missing"
	// ProviderInvalid: its name is no DNS label, or another provider has it as well, or its port is none.
	ProviderInvalid ProviderFault = "invalid"
	// ProviderServiceMissing: no Service or ServiceEntry has its host, or several namespaces have one and it names none of them.
	ProviderServiceMissing ProviderFault = "service"
	// SeveralProviders: the policies for the pods name different ones, which istiod does not allow by default.
	SeveralProviders ProviderFault = "several"
)

// CustomProvider is an extension provider that AuthorizationPolicies with action CUSTOM name for some pods.
type CustomProvider struct {
	Name string
	// Policies are those that are enforced, the root namespace's first; none where all are dry runs.
	Policies []*security.AuthorizationPolicy
	// Fault is empty for a provider that istiod can use.
	Fault ProviderFault
}

// CustomProviders are the providers that the CUSTOM policies for pods with these labels name, by name; those for Gateways and waypoints
// (targetRefs) are left out. A dry run counts as one that names its provider.
// Source: Istio's pilot/pkg/security/authz/builder/builder.go (buildHTTP) and extauthz.go (processExtensionProvider, getExtAuthz).
func CustomProviders(s *mesh.Snapshot, namespace string, podLabels map[string]string) []CustomProvider {
	var providers []CustomProvider
	for _, policy := range customPoliciesFor(s, namespace, podLabels) {
		name := policy.Spec.GetProvider().GetName()
		place := slices.IndexFunc(providers, func(provider CustomProvider) bool { return provider.Name == name })
		if place < 0 {
			place = len(providers)
			providers = append(providers, CustomProvider{Name: name, Fault: faultOf(s, name)})
		}
		if dryRun, _ := strconv.ParseBool(policy.Annotations["istio.io/dry-run"]); !dryRun {
			providers[place].Policies = append(providers[place].Policies, policy)
		}
	}
	slices.SortFunc(providers, func(a, b CustomProvider) int { return cmp.Compare(a.Name, b.Name) })
	if len(providers) > 1 {
		for i := range providers {
			providers[i].Fault = cmp.Or(providers[i].Fault, SeveralProviders)
		}
	}
	return providers
}

type customPoliciesMemory struct{}

func customPoliciesFor(s *mesh.Snapshot, namespace string, podLabels map[string]string) []*security.AuthorizationPolicy {
	s.Read(mesh.KindAuthorizationPolicy)
	index := mesh.Remember(s, customPoliciesMemory{}, func() *gateway.MatchIndex[*security.AuthorizationPolicy] {
		custom := slices.DeleteFunc(slices.Clone(s.AuthorizationPolicies().All()), func(policy *security.AuthorizationPolicy) bool {
			return policy.Spec.GetAction() != securityapi.AuthorizationPolicy_CUSTOM || policy.Spec.GetTargetRef() != nil ||
				len(policy.Spec.GetTargetRefs()) > 0
		})
		return gateway.NewMatchIndex(custom, func(policy *security.AuthorizationPolicy) (string, map[string]string) {
			return policy.Namespace, policy.Spec.GetSelector().GetMatchLabels()
		})
	})
	var policies []*security.AuthorizationPolicy
	for _, place := range slices.Compact([]string{proxy.RootNamespace(s), namespace}) {
		policies = append(policies, index.Selecting(place, podLabels)...)
	}
	return policies
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// ProviderService is the host, and port, that the mesh config's provider of that name calls; empty where there is none for external
// authorization.
func ProviderService(s *mesh.Snapshot, name string) (service string, port uint32) {
	for _, provider := range proxy.DefaultMeshConfig(s).GetExtensionProviders() {
		if host, port := providerService(provider); provider.GetName() == name && host != "" {
			return host, port
		}
	}
	return "", 0
}

func faultOf(s *mesh.Snapshot, name string) ProviderFault {
	var found []*meshapi.MeshConfig_ExtensionProvider
	for _, provider := range proxy.DefaultMeshConfig(s).GetExtensionProviders() {
		authorizes := provider.GetEnvoyExtAuthzGrpc() != nil || provider.GetEnvoyExtAuthzHttp() != nil
		if provider.GetName() == name && authorizes {
			found = append(found, provider)
		}
	}
	if len(found) == 0 {
		return ProviderMissing
	}
	service, port := providerService(found[0])
	switch {
	case len(found) > 1 || !dnsLabel.MatchString(name) || port == 0 || port > 65535:
		return ProviderInvalid
	case !isInRegistry(s, service):
		return ProviderServiceMissing
	}
	return ""
}

func providerService(provider *meshapi.MeshConfig_ExtensionProvider) (service string, port uint32) {
	if grpc := provider.GetEnvoyExtAuthzGrpc(); grpc != nil {
		return grpc.GetService(), grpc.GetPort()
	}
	return provider.GetEnvoyExtAuthzHttp().GetService(), provider.GetEnvoyExtAuthzHttp().GetPort()
}

// isInRegistry reports whether exactly one namespace has a Service or ServiceEntry with the host, which may be "namespace/host". Whether
// it is exported, or has the port, does not matter.
// Source: Istio's pilot/pkg/model/telemetry_logging.go (LookupCluster).
func isInRegistry(s *mesh.Snapshot, service string) bool {
	named, name, hasNamespace := strings.Cut(service, "/")
	if !hasNamespace {
		name = service
	}
	namespaces := map[string]bool{}
	if found := host.ServiceByHost(s, name); found != nil {
		namespaces[found.Namespace] = true
	}
	for _, entry := range host.ServiceEntriesByHost(s, name) {
		namespaces[entry.Namespace] = true
	}
	if hasNamespace {
		return namespaces[named]
	}
	return len(namespaces) == 1
}
