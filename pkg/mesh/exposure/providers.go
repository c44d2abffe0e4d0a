package exposure

import (
	"fmt"
	"strings"

	meshapi "istio.io/api/mesh/v1alpha1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// providerClaim is that a mesh config has proxies call a port by gRPC.
type providerClaim struct {
	evidence Evidence
	by       mesh.Object
}

type providerClaimsMemory struct{}

// providerClaims are the Service ports that the extensionProviders of the mesh configs call by gRPC.
func providerClaims(s *mesh.Snapshot) map[workload.ServicePort][]providerClaim {
	configs := proxy.MeshConfigs(s)
	return mesh.Remember(s, providerClaimsMemory{}, func() map[workload.ServicePort][]providerClaim {
		claims := map[workload.ServicePort][]providerClaim{}
		for _, config := range configs {
			for _, provider := range config.GetExtensionProviders() {
				name, port, ok := grpcProvider(provider)
				if !ok || config.ConfigMap == nil {
					continue
				}
				if service := host.ServiceByHost(s, name[strings.LastIndexByte(name, '/')+1:]); service != nil {
					at := workload.ServicePort{Service: mesh.KeyOf(service), Port: int32(port)}
					text := fmt.Sprintf("extension provider %s of the mesh config calls it by gRPC", provider.GetName())
					claims[at] = append(claims[at], providerClaim{Evidence{text, EvidenceProvider}, config.ConfigMap})
				}
			}
		}
		return claims
	})
}

// grpcProvider is the host ("[namespace/]name") and port of a provider that is called by gRPC. OpenTelemetry is, unless http is set.
// Source: Istio's pilot/pkg/networking/telemetry and pilot/pkg/security/authz/builder/extauthz.go (buildExtAuthzGrpc), and
// pilot/pkg/model/telemetry_logging.go (buildHTTPGrpcAccessLogHelper, buildOpenTelemetryAccessLogHelper) and pilot/pkg/networking/core/tracing.go.
func grpcProvider(provider *meshapi.MeshConfig_ExtensionProvider) (service string, port uint32, ok bool) {
	type called interface {
		GetService() string
		GetPort() uint32
	}
	var by called
	switch of := provider.GetProvider().(type) {
	case *meshapi.MeshConfig_ExtensionProvider_EnvoyExtAuthzGrpc:
		by = of.EnvoyExtAuthzGrpc
	case *meshapi.MeshConfig_ExtensionProvider_EnvoyOtelAls:
		by = of.EnvoyOtelAls
	case *meshapi.MeshConfig_ExtensionProvider_EnvoyHttpAls:
		by = of.EnvoyHttpAls
	case *meshapi.MeshConfig_ExtensionProvider_EnvoyTcpAls:
		by = of.EnvoyTcpAls
	case *meshapi.MeshConfig_ExtensionProvider_Opentelemetry:
		if of.Opentelemetry.GetHttp() != nil {
			return "", 0, false
		}
		by = of.Opentelemetry
	default:
		return "", 0, false
	}
	return by.GetService(), by.GetPort(), true
}
