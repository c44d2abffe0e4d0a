package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// grant binds roles, as YAML documents of Roles and ClusterRoles, to a user of the scene's own, and returns the user. Names of
// ClusterRoles are the scene's own as well.
func (s *scene) grant(user, roles string) string {
	s.Helper()
	user += "-" + s.namespace
	for document := range strings.SplitSeq(s.own(roles), "---\n") {
		var role struct {
			Kind     string         `json:"kind"`
			Metadata map[string]any `json:"metadata"`
			Rules    []any          `json:"rules"`
		}
		require.NoError(s, yaml.Unmarshal([]byte(document), &role))
		role.Metadata["name"] = user
		binding := map[string]any{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": role.Kind + "Binding", "metadata": role.Metadata,
			"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": role.Kind, "name": user},
			"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}},
		}
		made := map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": role.Kind, "metadata": role.Metadata, "rules": role.Rules}
		for _, object := range []map[string]any{made, binding} {
			text, err := yaml.Marshal(object)
			require.NoError(s, err)
			require.NoError(s, s.Apply(s.Context(), string(text)))
			s.Cleanup(func() {
				arguments := []string{"delete", strings.ToLower(object["kind"].(string)), user, "--ignore-not-found"}
				if namespace, ok := role.Metadata["namespace"].(string); ok {
					arguments = append(arguments, "-n", namespace)
				}
				_, err := s.Kubectl(cleanup, arguments...)
				assert.NoError(s, err)
			})
		}
	}
	return user
}

// Somebody who may see one namespace alone is told what could not be judged and why, and the rest is judged.
func TestLintOfNamespaceOnlyUser(t *testing.T) {
	s := faultyScene(t, onDefault)
	user := s.grant("developer", `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: developer, namespace: test}
rules: [{apiGroups: ["", apps, networking.istio.io, security.istio.io, networking.k8s.io, gateway.networking.k8s.io, discovery.k8s.io], resources: ["*"], verbs: [get, list]}]
`)
	s.writesNothing(func() {
		report := s.lint(1, "--as", user)
		assert.Contains(t, report.found(), "GX301 Service/test/server")
		assert.Contains(t, report.found(), "GX308 Service/test/server")
		for _, id := range []string{"GX101", "GX102", "GX401"} {
			assert.NotContains(t, strings.Join(report.found(), "\n"), id, "what is not seen is not missing")
		}
		require.NotEmpty(t, report.Skipped)
		for _, skipped := range report.Skipped {
			assert.Contains(t, skipped.Reason, "you may not", skipped.ID)
		}
		s.run("lint", "--as", user).exits(1)
		s.run("lint", "--as", "nobody").exits(2)
		s.run("lint", "deployment/server", "--as", "nobody").exits(2)
	})
	s.golden()
}

// The printed Roles are enough for every check, with a Gateway's Secret among what is read.
func TestLintPrintedRoles(t *testing.T) {
	s := on(t, onDefault)
	s.given(strings.NewReplacer("number: 8000, name: grpc, protocol: GRPC}", "number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: orders-cert}").Replace(faulty))
	roles := s.runQuietly("lint", "--print-rbac").exits(0).stdout
	user := s.grant("auditor", roles)
	assert.NotContains(t, roles, `"*"`)
	report := s.lint(1, "--as", user)
	assert.Empty(t, report.Skipped)
	assert.Equal(t, s.lint(1).found(), report.found(), "the same as for an administrator")
	assert.Contains(t, report.found(), "GX411 Gateway/test/server")
	s.lint(1, "-A", "--as", user)

	// Without a rule, a check is skipped: none is there for nothing.
	documents := strings.Split(roles, "---\n")
	for i, document := range documents {
		var role map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(document), &role))
		rules := role["rules"].([]any)
		for dropped := range rules {
			resources := rules[dropped].(map[string]any)["resources"]
			if consultedAlone(resources) {
				continue
			}
			if assert.ObjectsAreEqual([]any{"endpointslices"}, resources) {
				continue // of the control plane's Service, which this one is called without
			}
			role["rules"] = append(append([]any{}, rules[:dropped]...), rules[dropped+1:]...)
			text, err := yaml.Marshal(role)
			require.NoError(t, err)
			rest := append(append([]string{}, documents[:i]...), documents[i+1:]...)
			lesser := s.grant("lesser", strings.Join(append(rest, string(text)), "---\n"))
			result := s.runQuietly("lint", "-o", "json", "--as", lesser)
			assert.Contains(t, result.stdout+result.stderr, "you may not", "without %v", resources)
		}
	}
}

// Without Istio, the checks that need its kinds have nothing to say, and those that do not go on.
func TestLintWithoutIstio(t *testing.T) {
	s := on(t, onNone)
	s.given(strings.Replace(meshless, "selector: {app: server}, ports", "type: NodePort, selector: {app: server}, ports", 1))
	s.run("lint").exits(1)
	s.kubectl("label", "namespace", "test", "istio-injection=enabled")
	s.run("lint", "--checks", "GX1").exits(1)
	s.golden()
}

// consultedAlone reports whether a rule is for kinds that a check does without, or that are not served here.
func consultedAlone(resources any) bool {
	for _, rule := range [][]any{
		{"servicemonitors"}, {"ingresses", "networkpolicies"}, {"rollouts"}, {"horizontalpodautoscalers"}, {"scaledobjects"},
	} {
		if assert.ObjectsAreEqual(rule, resources) {
			return true
		}
	}
	return false
}
