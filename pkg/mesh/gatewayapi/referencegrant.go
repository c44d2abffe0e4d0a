package gatewayapi

import (
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Reference is one of a route to a Service, or of a Gateway to a Secret.
type Reference struct {
	FromKind      mesh.Kind
	FromNamespace string
	ToKind        mesh.Kind
	ToNamespace   string
	ToName        string
}

// Granted reports whether the reference may cross namespaces: it does not, or a ReferenceGrant beside its target allows it.
// Source: Istio's pilot/pkg/config/kube/gatewaycommon/references.go (ReferenceGrantsCollection, BackendAllowed, SecretAllowed).
func Granted(s *mesh.Snapshot, reference Reference) bool {
	if reference.FromNamespace == reference.ToNamespace {
		return true
	}
	from, to := reference.FromKind.Info(), reference.ToKind.Info()
	for _, grant := range s.ReferenceGrants().In(reference.ToNamespace) {
		fromAllowed := false
		for _, allowed := range grant.Spec.From {
			if string(allowed.Namespace) == reference.FromNamespace && string(allowed.Kind) == from.Kind && string(allowed.Group) == from.Group {
				fromAllowed = true
			}
		}
		for _, allowed := range grant.Spec.To {
			named := allowed.Name == nil || *allowed.Name == "" || *allowed.Name == gatewayapi.ObjectName(reference.ToName)
			if fromAllowed && named && string(allowed.Kind) == to.Kind && string(allowed.Group) == to.Group {
				return true
			}
		}
	}
	return false
}

// BackendReference is a route's reference to a Service, as ReferenceGrants see it.
func BackendReference(route *APIRoute, backend APIBackend) Reference {
	return Reference{
		FromKind: route.Key.Kind, FromNamespace: route.Key.Namespace,
		ToKind: mesh.KindService, ToNamespace: backend.Namespace(route), ToName: string(backend.Reference.Name),
	}
}

// ServesCertificateRefs reports whether a listener presents the certificates of its certificateRefs. Nobody looks at them where it passes TLS
// through, nor where it terminates with the certificate of the mesh.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (buildTLS).
func ServesCertificateRefs(listener *gatewayapi.Listener) bool {
	if listener.TLS == nil || workload.ValueOr(listener.TLS.Mode, gatewayapi.TLSModeTerminate) != gatewayapi.TLSModeTerminate {
		return false
	}
	mode := listener.TLS.Options["gateway.istio.io/tls-terminate-mode"]
	return mode != "ISTIO_SIMPLE" && mode != "ISTIO_MUTUAL"
}

// CertificateReference is the reference of a listener, of a Gateway or ListenerSet, to a Secret, as ReferenceGrants see it; ok is false for
// other kinds.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (buildTLS).
func CertificateReference(owner mesh.Object, reference gatewayapi.SecretObjectReference) (certificate Reference, ok bool) {
	if !refersTo(reference.Group, reference.Kind, "", "Secret", "Secret") {
		return Reference{}, false
	}
	key := mesh.KeyOf(owner)
	certificate = Reference{
		FromKind: key.Kind, FromNamespace: key.Namespace,
		ToKind: mesh.KindSecret, ToNamespace: key.Namespace, ToName: string(reference.Name),
	}
	if reference.Namespace != nil {
		certificate.ToNamespace = string(*reference.Namespace)
	}
	return certificate, true
}
