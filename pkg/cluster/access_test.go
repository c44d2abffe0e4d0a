package cluster

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorization "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster/wire"
)

// reviewing answers rules reviews with the rules of each namespace, and access reviews with yes for the allowed resources.
func reviewing(f *fakeServer, rules map[string]string, allowed ...string) {
	f.on("POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews", func(w http.ResponseWriter, r *http.Request) {
		review := decoded[*authorization.SelfSubjectRulesReview](f.t, r)
		reply(`{apiVersion: authorization.k8s.io/v1, kind: SelfSubjectRulesReview, status: {nonResourceRules: [], `+rules[review.Spec.Namespace]+`}}`)(w, r)
	})
	f.on("POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", func(w http.ResponseWriter, r *http.Request) {
		asked := decoded[*authorization.SelfSubjectAccessReview](f.t, r).Spec.ResourceAttributes
		reply(fmt.Sprintf("{apiVersion: authorization.k8s.io/v1, kind: SelfSubjectAccessReview, status: {allowed: %t}}",
			slices.Contains(allowed, asked.Resource)))(w, r)
	})
}

// decoded is the object of a built-in kind that a request carries, as protobuf.
func decoded[T runtime.Object](t *testing.T, r *http.Request) T {
	data, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	object, _, err := serializer.NewCodecFactory(wire.BuiltIn()).UniversalDeserializer().Decode(data, nil, nil)
	require.NoError(t, err)
	return object.(T)
}

const editor = `incomplete: false, resourceRules: [
	{verbs: [get, list], apiGroups: ["*"], resources: ["*"]},
	{verbs: ["*"], apiGroups: [""], resources: [services, "*/scale"]},
	{verbs: [patch], apiGroups: [apps], resources: [deployments], resourceNames: [server]}]`

func TestAllowed(t *testing.T) {
	f := newFakeServer(t)
	reviewing(f, map[string]string{"test": editor, "hooked": `incomplete: true, resourceRules: []`})
	access, err := f.client.Access(t.Context(), []string{"test", "hooked", "test"})
	require.NoError(t, err)
	assert.Len(t, f.asked(), 2, "one review for each namespace")

	for name, test := range map[string]struct {
		permission       Permission
		allowed, certain bool
	}{
		"any group":                     {Permission{"get", "networking.istio.io", "gateways", "test", "server"}, true, true},
		"any verb":                      {Permission{"delete", "", "services", "test", ""}, true, true},
		"any resource's scale":          {Permission{"patch", "", "replicationcontrollers/scale", "test", ""}, true, true},
		"the resource is not the scale": {Permission{"patch", "", "replicationcontrollers", "test", ""}, false, true},
		"the named one":                 {Permission{"patch", "apps", "deployments", "test", "server"}, true, true},
		"another one":                   {Permission{"patch", "apps", "deployments", "test", "client"}, false, true},
		"all of which one is named":     {Permission{"patch", "apps", "deployments", "test", ""}, false, true},
		"a namespace not asked about":   {Permission{"get", "", "services", "shop", ""}, false, false},
		"incomplete rules":              {Permission{"get", "", "services", "hooked", ""}, false, false},
		"in all namespaces, perhaps":    {Permission{"list", "", "services", "", ""}, false, false},
		"in all namespaces, certainly not": {
			Permission{"deletecollection", "", "pods", "", ""}, false, true,
		},
		"a Namespace is in itself": {Permission{"get", "", "namespaces", "", "test"}, true, true},
		"and may not be changed":   {Permission{"patch", "", "namespaces", "", "test"}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			allowed, certain := access.allowed(test.permission)
			assert.Equal(t, [2]bool{test.allowed, test.certain}, [2]bool{allowed, certain})
		})
	}
}

func TestMissingAsksOnlyWhereTheRulesCannotTell(t *testing.T) {
	f := newFakeServer(t)
	reviewing(f, map[string]string{"test": editor}, "services")
	access, err := f.client.Access(t.Context(), []string{"test"})
	require.NoError(t, err)
	f.asked()

	patchNamespace := Permission{Verb: "patch", Resource: "namespaces", Name: "test"}
	missing, err := access.Missing(t.Context(), []Permission{
		patchNamespace,
		{Verb: "list", Resource: "services"},
		{Verb: "list", Resource: "pods"},
		{Verb: "get", Resource: "pods", Namespace: "test"},
		patchNamespace,
	})
	require.NoError(t, err)
	assert.Equal(t, []Permission{patchNamespace, {Verb: "list", Resource: "pods"}}, missing)
	assert.Len(t, f.asked(), 2, "the two lists in all namespaces")
	assert.EqualError(t, &Forbidden{Missing: missing},
		"you may not patch namespaces/test, nor list pods in all namespaces; ask an administrator for a Role that allows it")
}
