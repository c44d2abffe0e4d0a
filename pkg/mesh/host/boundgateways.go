package host

import (
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// MeshGateway is the name by which a VirtualService means the sidecars.
const MeshGateway = "mesh"

// ResolveGatewayName is the "namespace/name" that a gateway name in a VirtualService of that namespace means: a short name,
// "./name", "namespace/name", or the old form "name.namespace.svc.cluster.local". "mesh" stays as it is.
// Source: Istio's pilot/pkg/model/config.go (resolveGatewayName).
func ResolveGatewayName(name, namespace string) string {
	if name == MeshGateway {
		return name
	}
	if of, rest, qualified := strings.Cut(name, "/"); qualified {
		if of == "." {
			return namespace + "/" + rest
		}
		return name
	}
	short, domain, old := strings.Cut(name, ".")
	if !old {
		return namespace + "/" + name
	}
	of, _, _ := strings.Cut(domain, ".")
	return of + "/" + short
}

// GatewayNamesOf are the resolved names, each once, that a VirtualService is bound to; none named means the sidecars.
// Source: Istio's pilot/pkg/model/push_context.go (getGatewayNames).
func GatewayNamesOf(vs *networking.VirtualService) []string {
	if len(vs.Spec.Gateways) == 0 {
		return []string{MeshGateway}
	}
	var names []string
	for _, name := range vs.Spec.Gateways {
		if resolved := ResolveGatewayName(name, vs.Namespace); !slices.Contains(names, resolved) {
			names = append(names, resolved)
		}
	}
	return names
}

// BoundToMesh reports whether a VirtualService is for sidecars, perhaps among others.
func BoundToMesh(vs *networking.VirtualService) bool {
	return slices.Contains(GatewayNamesOf(vs), MeshGateway)
}

type boundGatewaysMemory struct{ *networking.VirtualService }

type boundGateways struct {
	found   []*networking.Gateway
	missing []string
}

// GatewaysOf are the Gateways that a VirtualService is bound to ("mesh" left out), each once and in its order, and the names,
// as they are written, that lead nowhere. Gateway names in matches bind nothing.
func GatewaysOf(s *mesh.Snapshot, vs *networking.VirtualService) (found []*networking.Gateway, missing []string) {
	s.Read(mesh.KindGateway)
	bound := mesh.Remember(s, boundGatewaysMemory{vs}, func() boundGateways {
		found, missing := findGatewaysOf(s, vs)
		return boundGateways{slices.Clip(found), slices.Clip(missing)}
	})
	return bound.found, bound.missing
}

func findGatewaysOf(s *mesh.Snapshot, vs *networking.VirtualService) (found []*networking.Gateway, missing []string) {
	for _, name := range vs.Spec.Gateways {
		if name == MeshGateway {
			continue
		}
		gateway := GatewayByName(s, name, vs.Namespace)
		switch {
		case gateway == nil:
			missing = append(missing, name)
		case !slices.Contains(found, gateway):
			found = append(found, gateway)
		}
	}
	return found, missing
}

// GatewayByName is the Gateway that a name in a VirtualService of that namespace means, or nil.
func GatewayByName(s *mesh.Snapshot, name, namespace string) *networking.Gateway {
	of, short, _ := strings.Cut(ResolveGatewayName(name, namespace), "/")
	gateway, _ := s.Gateways().Get(of, short)
	return gateway
}
