package expose

import (
	"fmt"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// ownName is the name for an object of our own: the one that an earlier create made for this workload (own), or a free name.
func (b *builder) ownName(kind mesh.Kind, namespace string) (name string, own mesh.Object, err error) {
	base := b.workload.Name()
	if namespace != b.workload.Namespace() {
		base = b.workload.Namespace() + "-" + base
	}
	names := []string{base, base + "-grpc", fmt.Sprintf("%s-grpc-%d", base, b.result.ServicePort)}
	for _, name := range names {
		object := b.snapshot.Find(mesh.Key{Kind: kind, Namespace: namespace, Name: name})
		if object == nil {
			return name, nil, nil
		}
		if b.isOurs(object) && b.servesSamePort(object) {
			return name, object, nil
		}
	}
	return "", nil, refuse("Remove or rename one of them", "the names %s are all taken in namespace %s, for a %s",
		strings.Join(names, ", "), namespace, kind)
}

// isOurs reports whether create made the object for this workload. Files carry no marks: what is in them is their owner's.
func (b *builder) isOurs(object mesh.Object) bool {
	return !b.intent.Offline && isOwnFor(object, b.user) && b.mayTake(object)
}

// servesSamePort says that an object of our own is for the same port of the workload. Gateways are for all of its ports.
func (b *builder) servesSamePort(object mesh.Object) bool {
	virtualService, ok := object.(*networking.VirtualService)
	if !ok {
		return true
	}
	for _, rule := range virtualService.Spec.GetHttp() {
		for _, route := range rule.GetRoute() {
			destination := route.GetDestination()
			if destination.GetHost() == b.destinationHost() && destination.GetPort().GetNumber() == uint32(b.result.ServicePort) {
				return true
			}
		}
	}
	return false
}

// hasOwnRoute says that an earlier create made a VirtualService for this port of the workload.
func (b *builder) hasOwnRoute() bool {
	for _, virtualService := range b.snapshot.VirtualServices().In(b.workload.Namespace()) {
		if b.isOurs(virtualService) && b.servesSamePort(virtualService) {
			return true
		}
	}
	return false
}
