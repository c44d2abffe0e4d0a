package policy

import (
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"
	securityapi "istio.io/api/security/v1beta1"
	security "istio.io/client-go/pkg/apis/security/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// The modes that MutualTLSMode gives.
const (
	MutualTLSStrict     = "STRICT"
	MutualTLSPermissive = "PERMISSIVE"
	MutualTLSDisable    = "DISABLE"
)

// MutualTLSMode is the effective PeerAuthentication mode ("STRICT", "PERMISSIVE", "DISABLE") for a port of a workload.
func MutualTLSMode(s *mesh.Snapshot, namespace string, podLabels map[string]string, workloadPort int32) string {
	mode, _ := PeerAuthenticationFor(s, namespace, podLabels, workloadPort)
	return mode
}

// PeerAuthenticationFor is the effective mode for a port of a workload, and the policy that it comes from, nil for the default
// (PERMISSIVE). The oldest policy of each scope counts, the workload's before the namespace's before the mesh's, and a scope
// that says nothing leaves it to the wider one. portLevelMtls counts in a policy with a selector only, by the port of the pods.
// Source: Istio's pilot/pkg/security/authn/policy_applier.go (ComposePeerAuthentication) and pilot/pkg/model/authentication.go
// (addPeerAuthentication, getConfigsForWorkload).
func PeerAuthenticationFor(s *mesh.Snapshot, namespace string, podLabels map[string]string, workloadPort int32) (mode string, from *security.PeerAuthentication) {
	policies, root := peerAuthentications(s), proxy.RootNamespace(s)
	mode = MutualTLSPermissive
	state := func(policy *security.PeerAuthentication, mtls *securityapi.PeerAuthentication_MutualTLS) {
		if stated := modeOf(mtls); stated != "" {
			mode, from = stated, policy
		}
	}
	if policy := policies[root].namespaceWide(); policy != nil {
		state(policy, policy.Spec.GetMtls())
	}
	if namespace == root {
		return mode, from
	}
	if policy := policies[namespace].namespaceWide(); policy != nil {
		state(policy, policy.Spec.GetMtls())
	}
	if policy := policies[namespace].selecting(podLabels); policy != nil {
		state(policy, policy.Spec.GetMtls())
		state(policy, policy.Spec.GetPortLevelMtls()[uint32(workloadPort)])
	}
	return mode, from
}

// tlsModeLabel on a pod says that its proxy takes Istio's mutual TLS; the injector sets it to "istio".
// Source: Istio's pilot/pkg/serviceregistry/kube/conversion.go (PodTLSMode).
const tlsModeLabel = "security.istio.io/tlsMode"

// SendsMutualTLS says whether a proxy that calls a port of a Service's pods, with this policy, shows the workload's certificate:
// where the policy says so, or, where it says nothing about TLS, where istiod takes the pods to accept it (they must have a
// proxy). known is false for certificates of the user's own, and where it rests on pods that are not known.
// Source: Istio's pilot/pkg/networking/core/cluster_tls.go (buildUpstreamTLSSettings, applyUpstreamTLSSettings) and
// pilot/pkg/xds/endpoints (mtlsChecker, by the workload).
func SendsMutualTLS(s *mesh.Snapshot, policy TrafficPolicy, service *core.Service, podLabels map[string]string, workloadPort int32) (sends, known bool) {
	if policy.TLS != nil {
		mode := policy.TLS.GetMode()
		return mode == networkingapi.ClientTLSSettings_ISTIO_MUTUAL, mode != networkingapi.ClientTLSSettings_MUTUAL
	}
	infers, known := InfersMutualTLS(s, service, nil, policy) // there is such a pod, so the port is not one without pods
	if policy.KeepsDestination() {
		return infers, known
	}
	return infers && MutualTLSMode(s, service.Namespace, podLabels, workloadPort) != MutualTLSDisable, known
}

// InfersMutualTLS says whether istiod has proxies use mutual TLS for a Service's port (nil: one that pods have) of its own accord,
// where they find that a pod takes it. A Service whose pods are called by their own addresses is judged as a whole: all of its
// pods that have the port, or none. known is false where its pods are not.
// Source: Istio's pilot/pkg/model/push_context.go (BestEffortInferServiceMTLSMode).
func InfersMutualTLS(s *mesh.Snapshot, service *core.Service, port *core.ServicePort, policy TrafficPolicy) (infers, known bool) {
	if !proxy.DefaultMeshConfig(s).GetEnableAutoMtls().GetValue() || MutualTLSMode(s, service.Namespace, nil, 0) == MutualTLSDisable {
		return false, true
	}
	if !workload.IsHeadless(service) && !policy.KeepsDestination() {
		return true, true
	}
	pods := workload.PodsSelected(s, service.Namespace, service.Spec.Selector)
	if _, unseen := s.Unknown(mesh.KindPod, service.Namespace, ""); unseen || len(pods) == 0 {
		return false, false
	}
	if port != nil {
		pods = slices.DeleteFunc(slices.Clone(pods), func(pod *core.Pod) bool {
			_, _, has := workload.TargetPort(port, &core.PodTemplateSpec{Spec: pod.Spec})
			return len(pod.Spec.Containers) > 0 && !has
		})
	}
	withoutProxy := func(pod *core.Pod) bool { return pod.Labels[tlsModeLabel] != "istio" }
	return len(pods) > 0 && !slices.ContainsFunc(pods, withoutProxy), true
}

func modeOf(mtls *securityapi.PeerAuthentication_MutualTLS) string {
	if mtls.GetMode() == securityapi.PeerAuthentication_MutualTLS_UNSET {
		return ""
	}
	return mtls.GetMode().String()
}

// namespacePolicies are the PeerAuthentications of one namespace, the oldest first.
type namespacePolicies []*security.PeerAuthentication

func (p namespacePolicies) namespaceWide() *security.PeerAuthentication {
	for _, policy := range p {
		if len(policy.Spec.GetSelector().GetMatchLabels()) == 0 {
			return policy
		}
	}
	return nil
}

func (p namespacePolicies) selecting(podLabels map[string]string) *security.PeerAuthentication {
	for _, policy := range p {
		if selector := policy.Spec.GetSelector().GetMatchLabels(); len(selector) > 0 && mesh.HasLabels(podLabels, selector) {
			return policy
		}
	}
	return nil
}

type peerAuthenticationsMemory struct{}

func peerAuthentications(s *mesh.Snapshot) map[string]namespacePolicies {
	s.Read(mesh.KindPeerAuthentication)
	return mesh.Remember(s, peerAuthenticationsMemory{}, func() map[string]namespacePolicies {
		byNamespace := map[string]namespacePolicies{}
		for _, policy := range s.PeerAuthentications().All() {
			byNamespace[policy.Namespace] = append(byNamespace[policy.Namespace], policy)
		}
		for _, policies := range byNamespace {
			slices.SortStableFunc(policies, func(a, b *security.PeerAuthentication) int { return mesh.CompareAge(a, b) })
		}
		return byNamespace
	})
}
