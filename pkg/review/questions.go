package review

import (
	"slices"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
)

// reads are what keeps calls from arriving although the plan is carried out, beside what expose.Reads has: policies.
var reads = []mesh.Kind{mesh.KindDestinationRule, mesh.KindPeerAuthentication, mesh.KindAuthorizationPolicy, mesh.KindNetworkPolicy}

// ForCreate is what a plan for an intent depends on.
func ForCreate(intent expose.Intent) load.Question {
	return load.Question{
		Kinds: slices.Concat(expose.Reads, reads), Namespace: intent.Namespace,
		Near:            []mesh.Kind{mesh.KindPod, mesh.KindIngress, mesh.KindNetworkPolicy},
		AtControlPlanes: []mesh.Kind{mesh.KindEndpointSlice},
		Fallback:        load.NamespacesIn(intent.Gateway, intent.GatewayWorkload),
		Secrets:         expose.SecretsFor(intent), Entire: true, Now: time.Now(),
	}
}

// ForPath is what the findings about the paths to the workloads of a namespace depend on: what the checks read.
func ForPath(namespace string) load.Question {
	return load.Question{Kinds: lint.Kinds(lint.All()), Namespace: namespace, Now: time.Now()}
}

// ForDelete is what an undo depends on, in a namespace or with an empty one in all.
func ForDelete(namespace string) load.Question {
	return load.Question{
		Kinds: removal.Reads, Namespace: namespace, Near: []mesh.Kind{mesh.KindPod, mesh.KindNamespace},
		Entire: true, Now: time.Now(),
	}
}
