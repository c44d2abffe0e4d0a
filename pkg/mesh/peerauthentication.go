package mesh

import (
	"slices"

	securityapi "istio.io/api/security/v1beta1"
	security "istio.io/client-go/pkg/apis/security/v1"
)

// The modes that MutualTLSMode gives.
const (
	MutualTLSStrict     = "STRICT"
	MutualTLSPermissive = "PERMISSIVE"
	MutualTLSDisable    = "DISABLE"
)

// MutualTLSMode is the effective PeerAuthentication mode ("STRICT", "PERMISSIVE", "DISABLE") for a port of a workload: the
// oldest policy of each scope counts, the workload's before the namespace's before the mesh's, and a scope that says nothing
// leaves it to the wider one. portLevelMtls counts in a policy with a selector only, by the port of the pods.
// Source: Istio's pilot/pkg/security/authn/policy_applier.go (ComposePeerAuthentication) and pilot/pkg/model/authentication.go
// (addPeerAuthentication, getConfigsForWorkload).
func (s *Snapshot) MutualTLSMode(namespace string, podLabels map[string]string, workloadPort int32) string {
	policies, root := s.peerAuthentications(), s.RootNamespace()
	mode := MutualTLSPermissive
	if stated := modeOf(policies[root].namespaceWide().GetMtls()); stated != "" {
		mode = stated
	}
	if namespace == root {
		return mode
	}
	if stated := modeOf(policies[namespace].namespaceWide().GetMtls()); stated != "" {
		mode = stated
	}
	workload := policies[namespace].selecting(podLabels)
	if stated := modeOf(workload.GetMtls()); stated != "" {
		mode = stated
	}
	if stated := modeOf(workload.GetPortLevelMtls()[uint32(workloadPort)]); stated != "" {
		mode = stated
	}
	return mode
}

func modeOf(mtls *securityapi.PeerAuthentication_MutualTLS) string {
	if mtls.GetMode() == securityapi.PeerAuthentication_MutualTLS_UNSET {
		return ""
	}
	return mtls.GetMode().String()
}

// namespacePolicies are the PeerAuthentications of one namespace, the oldest first.
type namespacePolicies []*security.PeerAuthentication

func (p namespacePolicies) namespaceWide() *securityapi.PeerAuthentication {
	for _, policy := range p {
		if len(policy.Spec.GetSelector().GetMatchLabels()) == 0 {
			return &policy.Spec
		}
	}
	return nil
}

func (p namespacePolicies) selecting(podLabels map[string]string) *securityapi.PeerAuthentication {
	for _, policy := range p {
		if selector := policy.Spec.GetSelector().GetMatchLabels(); len(selector) > 0 && isSubset(selector, podLabels) {
			return &policy.Spec
		}
	}
	return nil
}

type peerAuthenticationsMemory struct{}

func (s *Snapshot) peerAuthentications() map[string]namespacePolicies {
	s.read(KindPeerAuthentication)
	return remember(s, peerAuthenticationsMemory{}, func() map[string]namespacePolicies {
		byNamespace := map[string]namespacePolicies{}
		for _, policy := range s.PeerAuthentications().All() {
			byNamespace[policy.Namespace] = append(byNamespace[policy.Namespace], policy)
		}
		for _, policies := range byNamespace {
			slices.SortStableFunc(policies, func(a, b *security.PeerAuthentication) int { return compareAge(a, b) })
		}
		return byNamespace
	})
}
