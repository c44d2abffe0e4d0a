package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	kubeyaml "sigs.k8s.io/yaml"
)

// as adds a user to a command.
func (s *scene) as(arguments ...string) []string {
	return append(arguments, "--as=user-of-"+s.namespace)
}

// bind grants the scene's user roles: YAML documents of Roles and ClusterRoles, as --print-rbac prints them. What they are
// called is the scene's, so that scenes do not meet.
func (s *scene) bind(roles string) {
	s.Helper()
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(s.own(roles)), 4096)
	for number := 0; ; number++ {
		var role rbac.ClusterRole // a Role has the same fields
		if decoder.Decode(&role) != nil {
			require.Positive(s, number, "there are no roles in:\n%s", roles)
			return
		}
		binding := rbac.ClusterRoleBinding{
			TypeMeta: role.TypeMeta, RoleRef: rbac.RoleRef{APIGroup: rbac.GroupName, Kind: role.Kind},
			Subjects: []rbac.Subject{{APIGroup: rbac.GroupName, Kind: rbac.UserKind, Name: "user-of-" + s.namespace}},
		}
		role.Name += "-" + s.namespace
		binding.Kind += "Binding"
		binding.Namespace, binding.Name, binding.RoleRef.Name = role.Namespace, role.Name, role.Name
		for _, object := range []any{role, binding} {
			text, err := kubeyaml.Marshal(object)
			require.NoError(s, err)
			require.NoError(s, s.Apply(s.Context(), string(text)))
		}
		s.Cleanup(func() {
			kind := strings.ToLower(role.Kind)
			arguments := []string{"delete", kind + "/" + role.Name, kind + "binding/" + role.Name}
			if role.Namespace != "" {
				arguments = append(arguments, "-n", role.Namespace)
			}
			_, err := s.Kubectl(cleanup, arguments...)
			assert.NoError(s, err)
		})
	}
}

// reader may read everything and write nothing.
const reader = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: [get, list, watch]}]
`

// Who may only read gets a table of what is missing with the Role to ask for, and nothing is written. With that Role the
// same command is carried out.
func TestReadOnlyUser(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	s.bind(reader)
	s.settled()
	var refused outcome
	s.writesNothing(func() { refused = s.run(s.as(recipe()...)...).exits(2) })
	_, roles, found := strings.Cut(refused.stderr, "and to bind it to you:\n\n")
	require.True(t, found, refused.stderr)
	s.bind(roles)
	s.run(s.as(recipe()...)...).exits(0)
	s.golden()
}

// The Roles that --print-rbac prints are enough to create and to delete.
func TestPrintedRolesAreEnough(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + service(`, name: http`))
	before := s.picture()
	s.bind(s.create("--print-rbac").exits(0).stdout)
	s.run(s.as(recipe()...)...).exits(0)
	s.run(s.as("delete", "deployment/server")...).exits(2)
	s.bind(s.delete("--print-rbac").exits(0).stdout)
	s.run(s.as("delete", "deployment/server")...).exits(0)
	s.settled()
	assert.Equal(t, before, s.picture())
	s.golden()
}

// They are no more than needed: without any one of the permissions to write, create is refused or says what it lacks.
func TestPrintedRolesAreNeeded(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + service(`, name: http`))
	printed := s.create("--print-rbac").exits(0).stdout
	for _, lacking := range writeRules(s, printed) {
		t.Run(lacking.name, func(t *testing.T) {
			inner := *s
			inner.T = t
			inner.bind(lacking.roles)
			inner.writesNothing(func() {
				result := inner.runQuietly(inner.as(recipe()...)...)
				assert.Equal(t, 2, result.code, result.stdout+result.stderr)
				assert.Contains(t, result.stderr, "you lack permissions")
			})
		})
	}
}

type lackingRoles struct{ name, roles string }

// writeRules are the printed roles, each time without one of the rules that let create change what it changes here.
func writeRules(s *scene, printed string) []lackingRoles {
	s.Helper()
	var found []lackingRoles
	documents := strings.Split(printed, "---\n")
	for number, document := range documents {
		var role rbac.ClusterRole
		require.NoError(s, kubeyaml.Unmarshal([]byte(document), &role))
		for at, rule := range role.Rules {
			if !strings.Contains(strings.Join(rule.Verbs, " "), "patch") || role.Namespace == "istio-system" {
				continue
			}
			without := *role.DeepCopy()
			without.Rules = append(without.Rules[:at:at], role.Rules[at+1:]...)
			text, err := kubeyaml.Marshal(without)
			require.NoError(s, err)
			changed := append([]string{}, documents...)
			changed[number] = string(text)
			found = append(found, lackingRoles{strings.Join(rule.Resources, "-"), strings.Join(changed, "---\n")})
		}
	}
	require.NotEmpty(s, found)
	return found
}

// Who may see only their own namespace is told what could not be looked at.
func TestUserOfOneNamespace(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	s.bind(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: owner, namespace: test}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
`)
	s.settled()
	s.writesNothing(func() {
		s.run(s.as(recipe()...)...).exits(2)
		s.run(s.as(recipe("--inject=none")...)...).exits(2)
		s.run(s.as("create", "deployment/servre")...).exits(2)
	})
	s.golden()
}
