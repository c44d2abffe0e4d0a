package load

import (
	"context"
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// FromFiles reads files until the user interrupts: standard input may be a terminal, and a pipe may have nobody at its other end.
func FromFiles(ctx context.Context, sources manifest.Sources, namespace string) (*manifest.Manifests, error) {
	return interrupt.Until(ctx, func() (*manifest.Manifests, error) { return manifest.Load(sources, namespace) })
}

// RequireNamespace refuses objects of another namespace than -n names, as kubectl does; an empty one is for no -n.
// Source: k8s.io/cli-runtime, pkg/resource/visitor.go (RequireNamespace).
func RequireNamespace(manifests *manifest.Manifests, explicit string) error {
	if explicit == "" {
		return nil
	}
	for _, sourced := range manifests.Objects {
		if namespace := sourced.Object.GetNamespace(); namespace != "" && namespace != explicit {
			return fmt.Errorf("%s of the files is not in namespace %s, which --namespace names: leave it out, or give --namespace=%s",
				mesh.KeyOf(sourced.Object), explicit, namespace)
		}
	}
	return nil
}
