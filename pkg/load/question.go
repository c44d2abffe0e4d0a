package load

import (
	"context"
	"slices"
	"strings"
	"time"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// RootNamespace is where control planes and their settings are, in every installation that says nothing else.
const RootNamespace = "istio-system"

// Question is what an answer depends on. What it does not name is not read.
type Question struct {
	// Kinds are those to read. Secrets and ConfigMaps are read by name: those that Gateways name, and the control planes' settings.
	Kinds []mesh.Kind
	// Namespace is that of the workloads in question; empty for the whole cluster. Of kindsOnPath only the namespaces are read through
	// which their paths go.
	Namespace string
	// Near are, among Kinds, those of which Namespace alone matters.
	Near []mesh.Kind
	// AtControlPlanes are, among Kinds, those of which only the namespaces of control planes matter.
	AtControlPlanes []mesh.Kind
	// Fallback are more namespaces to read one by one for a user who may not list a kind in all of them.
	Fallback []string
	// Secrets are names of Secrets to look for beside the pods of each gateway.
	Secrets []string
	// Concerns, if set, says once the first round is read which objects the answer is about; nil of it accepts all. Without it they are
	// those of Namespace.
	Concerns func(found *mesh.Snapshot) func(mesh.Object) bool

	// GRPCPorts are ports that the user says are gRPC.
	GRPCPorts []mesh.GRPCPort
	// Entire keeps what writing needs: see cluster.LoadRequest.
	Entire bool
	// Context is the kubeconfig context that the objects' Source names.
	Context string
	Now     time.Time
}

// kindsOnPath are those that are many, and of which a path needs only the namespaces that it goes through.
var kindsOnPath = []mesh.Kind{mesh.KindPod, mesh.KindEndpointSlice, mesh.KindNetworkPolicy, mesh.KindIngress}

// FromCluster reads what the question depends on.
func FromCluster(ctx context.Context, client *cluster.Client, question Question) (*cluster.Loaded, error) {
	return client.Load(ctx, question.Request())
}

// Request is the question in rounds of requests: the first one, and what follows from what it finds.
func (q Question) Request() cluster.LoadRequest {
	first := q.round()
	var later []mesh.Kind
	for _, kind := range q.Kinds {
		switch {
		case kind == mesh.KindSecret || kind == mesh.KindConfigMap || slices.Contains(q.AtControlPlanes, kind):
		case q.Namespace != "" && slices.Contains(q.Near, kind):
			first.Kinds[kind] = []string{q.Namespace}
		case q.Namespace != "" && slices.Contains(kindsOnPath, kind):
			later = append(later, kind)
		default:
			first.Kinds[kind] = nil
		}
	}
	first.Follow = func(found *mesh.Snapshot) cluster.LoadRequest { return q.follow(found, later) }
	return first
}

func (q Question) round() cluster.LoadRequest {
	fallback := append([]string{RootNamespace}, q.Fallback...)
	if q.Namespace != "" {
		fallback = append([]string{q.Namespace}, fallback...)
	}
	return cluster.LoadRequest{Kinds: map[mesh.Kind][]string{}, Fallback: fallback, Entire: q.Entire, Context: q.Context, GRPCPorts: q.GRPCPorts, Now: q.Now}
}

// follow is the second round: of the kinds on the path the namespaces that it goes through, and what is read by name.
func (q Question) follow(found *mesh.Snapshot, later []mesh.Kind) cluster.LoadRequest {
	next := q.round()
	settings, webhooks := controlPlanes(found)
	if len(webhooks) > 0 {
		for _, kind := range q.AtControlPlanes {
			next.Kinds[kind] = webhooks
		}
	}
	through := slices.Concat([]string{q.Namespace, RootNamespace}, GatewayNamespaces(found), webhooks)
	slices.Sort(through)
	through = slices.Compact(through)
	for _, kind := range later {
		next.Kinds[kind] = through
	}
	if slices.Contains(later, mesh.KindPod) && q.selectsNothingKnown(found) {
		next.Kinds[mesh.KindPod] = nil
	}
	if slices.Contains(q.Kinds, mesh.KindConfigMap) {
		next.ConfigMaps = settings
	}
	if slices.Contains(q.Kinds, mesh.KindSecret) {
		next.Secrets = q.secrets(found)
	}
	return next
}

// selectsNothingKnown reports whether a Gateway that the answer is about selects no workload that is known. Then it selects nothing, or
// pods of an owner that is not read, in whatever namespace: which of the two only all pods can tell.
func (q Question) selectsNothingKnown(found *mesh.Snapshot) bool {
	if q.Concerns == nil {
		return false
	}
	concerns := q.Concerns(found)
	return concerns != nil && slices.ContainsFunc(found.Gateways().All(), func(gateway *networking.Gateway) bool {
		return concerns(gateway) && len(proxy.GatewayWorkloadsSelected(found, gateway)) == 0
	})
}

// GatewayNamespaces are where the gateways' pods are, each once.
func GatewayNamespaces(found *mesh.Snapshot) []string {
	var namespaces []string
	for _, gateway := range proxy.GatewayWorkloads(found) {
		if !slices.Contains(namespaces, gateway.Namespace) {
			namespaces = append(namespaces, gateway.Namespace)
		}
	}
	return namespaces
}

// NamespacesIn are the namespaces of what is named as NAMESPACE/NAME, or KIND/NAMESPACE/NAME.
func NamespacesIn(named ...string) []string {
	var namespaces []string
	for _, name := range named {
		if words := strings.Split(name, "/"); len(words) > 1 {
			namespaces = append(namespaces, words[len(words)-2])
		}
	}
	return namespaces
}
