package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A rollout that cannot go on: the message names the pod and its reason, and says how to go on or back. Deleting leaves
// everything as it was.
func TestRolloutThatCannotGoOn(t *testing.T) {
	for _, way := range []string{"image", "readiness", "crash"} {
		t.Run(way, func(t *testing.T) {
			s := on(t, onDefault)
			s.given(server)
			s.failWithProxy(way)
			before := s.picture()
			s.create("--timeout=6s").exits(2)
			s.failWithProxy("")
			s.delete().exits(0)
			s.settled()
			assert.Equal(t, before, s.picture())
			s.golden()
		})
	}
}

// failWithProxy makes the pods of the scene fail in that way as soon as they have a proxy; with an empty way no longer. It is
// a mutating policy, because the failure must not be a part of the Deployment before create.
func (s *scene) failWithProxy(way string) {
	s.Helper()
	name := "fail-" + s.namespace
	if way == "" {
		s.kubectl("delete", "mutatingadmissionpolicybinding,mutatingadmissionpolicy", name)
		return
	}
	policy := strings.NewReplacer("NAMESPACE", s.namespace, "NAME", name, "WAY", way).Replace(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: NAME}
spec:
  failurePolicy: Fail
  reinvocationPolicy: IfNeeded
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration: {expression: 'Object{metadata: Object.metadata{annotations: {"stack.grpcexpose.test/fail": "WAY"}}}'}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: NAME}
spec: {policyName: NAME, matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}}}
`)
	require.NoError(s, s.Apply(s.Context(), policy))
	// The API server learns of it by a watch.
	require.EventuallyWithT(s, func(c *assert.CollectT) {
		printed, err := s.Kubectl(s.Context(), "run", "probe", "--image=example.com/probe", "-n", s.namespace, "--dry-run=server", "-o", "yaml")
		assert.NoError(c, err)
		assert.Contains(c, printed, "stack.grpcexpose.test/fail: "+way)
	}, rolloutPatience, pause)
}

// quota is a ResourceQuota of the namespace.
func quota(resource, most string) string {
	return "\napiVersion: v1\nkind: ResourceQuota\nmetadata: {name: small, namespace: test}\nspec: {hard: {" + resource + `: "` + most + "\"}}\n"
}

// limited is the recipe's server with requests, as a quota for CPU wants them.
var limited = strings.Replace(server, `grpc_server:latest"}`, `grpc_server:latest", resources: {requests: {cpu: 100m}}}`, 1)

// A quota that has room for the pods, and none for their proxies, is seen before anything is written.
func TestQuotaWithoutRoomForTheProxy(t *testing.T) {
	s := on(t, onDefault)
	s.given(limited)
	s.put(quota("requests.cpu", "250m"))
	s.eventuallyQuota("requests.cpu")
	s.refuses(recipe()...)
	s.golden()
}

func TestQuotaOfServices(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	s.put(quota("count/services", "0"))
	s.eventuallyQuota("count/services")
	s.refuses(recipe()...)
	s.golden()
}

// eventuallyQuota waits until the quota counts, without which it refuses everything.
func (s *scene) eventuallyQuota(resource string) {
	s.Helper()
	s.kubectl("wait", "resourcequota/small", "-n", "test", "--for=jsonpath={.status.hard."+strings.ReplaceAll(resource, ".", `\.`)+"}", "--timeout=30s")
}

// The injector is down: the webhook fails closed, so that a restart would leave no pods. A dry run of a pod shows it.
func TestInjectorDown(t *testing.T) {
	s := on(t, onOrdinary)
	s.given(server)
	require.NoError(t, s.StopIstiod(t.Context()))
	defer func() { require.NoError(t, s.StartIstiod(cleanup)) }()
	s.refuses(recipe()...)
	s.golden()
}
