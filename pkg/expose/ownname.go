package expose

import (
	"fmt"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// ownName is the name for an object of our own: the one that an earlier create made for this workload (own), or a free name.
func (r *routing) ownName(kind mesh.Kind, namespace string) (name string, own mesh.Object, err error) {
	base := r.workload.Name()
	if namespace != r.workload.Namespace() {
		base = r.workload.Namespace() + "-" + base
	}
	names := []string{base, base + "-grpc", fmt.Sprintf("%s-grpc-%d", base, r.backend.port)}
	for _, name := range names {
		object := r.snapshot.Find(mesh.Key{Kind: kind, Namespace: namespace, Name: name})
		if object == nil {
			return name, nil, nil
		}
		if r.isOurs(object) && r.servesSamePort(object) {
			return name, object, nil
		}
	}
	return "", nil, refuse("Remove or rename one of them", "the names %s are all taken in namespace %s, for a %s",
		strings.Join(names, ", "), namespace, kind)
}

// servesSamePort says that an object of our own is for the same port of the workload. Gateways are for all of its ports.
func (r *routing) servesSamePort(object mesh.Object) bool {
	virtualService, ok := object.(*networking.VirtualService)
	if !ok {
		return true
	}
	for _, rule := range virtualService.Spec.GetHttp() {
		for _, route := range rule.GetRoute() {
			destination := route.GetDestination()
			if destination.GetHost() == r.destinationHost() && destination.GetPort().GetNumber() == uint32(r.backend.port) {
				return true
			}
		}
	}
	return false
}

// hasOwnRoute says that an earlier create made a VirtualService for this port of the workload.
func (r *routing) hasOwnRoute() bool {
	for _, virtualService := range r.snapshot.VirtualServices().In(r.workload.Namespace()) {
		if r.isOurs(virtualService) && r.servesSamePort(virtualService) {
			return true
		}
	}
	return false
}
