package load

import (
	"fmt"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// RequireIstio is an error where the cluster has no Istio at all.
func RequireIstio(loaded *cluster.Loaded) error {
	for _, kind := range loaded.NotServed {
		if kind == mesh.KindGateway || kind == mesh.KindVirtualService {
			return fmt.Errorf("no Istio is installed in this cluster: it has no CRD %s; install Istio, connect the cluster to its mesh, or choose another cluster with --context",
				strings.Join(istioCRDs(loaded), ", "))
		}
	}
	return nil
}

func istioCRDs(loaded *cluster.Loaded) []string {
	var crds []string
	for _, crd := range loaded.MissingCRDs() {
		if strings.HasSuffix(crd, ".networking.istio.io") {
			crds = append(crds, crd)
		}
	}
	return crds
}
