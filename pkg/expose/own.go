package expose

import (
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

const (
	// ManagedByLabel on an object with the value Manager says that create made it.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// Manager is the field manager of every write, and the value of ManagedByLabel.
	Manager = "kubectl-grpcexpose"
	// ForAnnotation on an object of our own names the workload that create made it for, as Kind/namespace/name. Who else has
	// come to use it is never noted: it is derived from what refers to it.
	ForAnnotation = "grpcexpose/for"
)

// userOf is how annotations name a workload.
func userOf(key mesh.Key) string { return string(key.Kind) + "/" + key.Namespace + "/" + key.Name }

// isOwn reports whether create made the object, as far as its marks say.
func isOwn(object mesh.Object) bool { return object.GetLabels()[ManagedByLabel] == Manager }

// isOwnFor reports whether create made the object for the workload, as far as its marks say. Anybody may write marks in a
// namespace of his own, so a mark counts only where create writes: see countsMark.
func isOwnFor(object mesh.Object, user string) bool {
	users := strings.FieldsFunc(object.GetAnnotations()[ForAnnotation], func(r rune) bool { return r == ',' || r == ' ' })
	return isOwn(object) && slices.Contains(users, user)
}

// ownGatewayNamespaces are where create makes or takes a Gateway for a workload of that namespace unless it is told which one:
// beside the workload, and beside the gateway's pods, which is the platform's.
func ownGatewayNamespaces(workload string, gateway *proxy.GatewayWorkload) []string {
	if gateway == nil {
		return []string{workload}
	}
	return []string{workload, gateway.Namespace}
}
