package checks

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Refuses reports whether a condition that decides is false, of the object as it now is: a status of an older generation is not yet
// about it.
func Refuses(condition metav1.Condition, object mesh.Object) bool {
	deciding := []string{
		string(gatewayv1.RouteConditionAccepted), string(gatewayv1.RouteConditionResolvedRefs), string(gatewayv1.GatewayConditionProgrammed),
	}
	stale := condition.ObservedGeneration > 0 && condition.ObservedGeneration < object.GetGeneration()
	return slices.Contains(deciding, condition.Type) && condition.Status == metav1.ConditionFalse && !stale
}

// IsRefusedByStatus reports whether the Gateway's own status says that it is not served, which is GX806's.
func IsRefusedByStatus(gateway *gatewayv1.Gateway) bool {
	return slices.ContainsFunc(gateway.Status.Conditions, func(condition metav1.Condition) bool { return Refuses(condition, gateway) })
}
