package expose

import (
	"fmt"
	"slices"

	apps "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// noteSurprises says what the user may not expect of what was asked for.
func (d *draft) noteSurprises(result *Result) {
	if len(d.changes) == 0 {
		return
	}
	if slices.Contains(portsOfTLS, result.Port) && !result.TLS {
		d.note("Port %d takes plaintext calls, although clients expect TLS there: --tls-secret names the Secret with a certificate", result.Port)
	}
	if slices.Contains(d.intent.Hosts, "*") {
		d.note(`Host "*" is open to every authority: calls on port %d for any name that no other route takes get to %s`, result.Port, d.workload.Key.Argument())
	}
	for _, key := range result.Rollouts {
		if workload := workload.Get(d.snapshot, key); workload != nil {
			if why := outage(workload); why != "" {
				d.note("The restart of %s is an outage: %s", workload.Key.Argument(), why)
			}
		}
	}
}

// portsOfTLS are those that clients know as https. Source: IANA's registry of service names (https, https-alt, pcsync-https).
var portsOfTLS = []int32{443, 8443}

// outage says why nobody answers calls for a moment while the pods are replaced, empty where somebody does.
func outage(workload *workload.Workload) string {
	switch object := workload.Object.(type) {
	case *apps.Deployment:
		return outageOfDeployment(object, workload.Replicas)
	case *apps.StatefulSet:
		if workload.Replicas == 1 {
			return "a StatefulSet ends a pod before it creates the new one, and it has one pod"
		}
	case *apps.DaemonSet:
		if rolling := object.Spec.UpdateStrategy.RollingUpdate; workload.Replicas == 1 && (rolling == nil || rolling.MaxSurge == nil || rolling.MaxSurge.IntValue() == 0) {
			return "a DaemonSet without maxSurge ends a node's pod before it creates the new one, and it has one pod"
		}
	}
	return ""
}

// outageOfDeployment follows Kubernetes' pkg/controller/deployment/util/deployment_util.go (ResolveFenceposts) and
// pkg/apis/apps/v1/defaults.go (SetDefaults_Deployment).
func outageOfDeployment(deployment *apps.Deployment, replicas int32) string {
	if deployment.Spec.Strategy.Type == apps.RecreateDeploymentStrategyType {
		return "its strategy is Recreate, which ends all pods before it creates new ones"
	}
	surge, unavailable := intstr.FromString("25%"), intstr.FromString("25%")
	if rolling := deployment.Spec.Strategy.RollingUpdate; rolling != nil {
		if rolling.MaxSurge != nil {
			surge = *rolling.MaxSurge
		}
		if rolling.MaxUnavailable != nil {
			unavailable = *rolling.MaxUnavailable
		}
	}
	more, err := intstr.GetScaledValueFromIntOrPercent(&surge, int(replicas), true)
	if err != nil {
		return ""
	}
	fewer, err := intstr.GetScaledValueFromIntOrPercent(&unavailable, int(replicas), false)
	if err != nil {
		return ""
	}
	if more == 0 && fewer == 0 {
		fewer = 1
	}
	if replicas == 0 || fewer < int(replicas) {
		return ""
	}
	return fmt.Sprintf("its strategy lets all of its pods be unavailable at once (replicas %d, maxUnavailable %s, maxSurge %s)",
		replicas, unavailable.String(), surge.String())
}
