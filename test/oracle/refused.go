package oracle

import (
	networkingapi "istio.io/api/networking/v1alpha3"
	securityapi "istio.io/api/security/v1beta1"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	security "istio.io/client-go/pkg/apis/security/v1"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/resource"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// configOf gives an Istio object in istiod's own form, with a copy of its spec; ok is false for any other object.
func configOf(object mesh.Object) (istio config.Config, schema resource.Schema, ok bool) {
	var spec config.Spec
	switch typed := object.(type) {
	case *networking.Gateway:
		schema, spec = collections.Gateway, copyOf[*networkingapi.Gateway](&typed.Spec)
	case *networking.VirtualService:
		schema, spec = collections.VirtualService, copyOf[*networkingapi.VirtualService](&typed.Spec)
	case *networking.DestinationRule:
		schema, spec = collections.DestinationRule, copyOf[*networkingapi.DestinationRule](&typed.Spec)
	case *networking.ServiceEntry:
		schema, spec = collections.ServiceEntry, copyOf[*networkingapi.ServiceEntry](&typed.Spec)
	case *networking.Sidecar:
		schema, spec = collections.Sidecar, copyOf[*networkingapi.Sidecar](&typed.Spec)
	case *security.PeerAuthentication:
		schema, spec = collections.PeerAuthentication, copyOf[*securityapi.PeerAuthentication](&typed.Spec)
	case *security.AuthorizationPolicy:
		schema, spec = collections.AuthorizationPolicy, copyOf[*securityapi.AuthorizationPolicy](&typed.Spec)
	default:
		return config.Config{}, nil, false
	}
	return config.Config{
		Meta: config.Meta{
			GroupVersionKind: schema.GroupVersionKind(), Namespace: object.GetNamespace(), Name: object.GetName(),
			Labels: object.GetLabels(), Annotations: object.GetAnnotations(), CreationTimestamp: object.GetCreationTimestamp().Time,
			Domain: "cluster.local",
		},
		Spec: spec,
	}, schema, true
}

// copyOf is a deep copy: istiod changes some of what it is given.
func copyOf[T interface{ DeepCopy() T }](spec T) T { return spec.DeepCopy() }

// refused says why istiod's validation webhook would not let the object into a cluster.
func refused(object mesh.Object) error {
	istio, schema, ok := configOf(object)
	if !ok {
		return nil
	}
	_, err := schema.ValidateConfig(istio)
	return err
}
