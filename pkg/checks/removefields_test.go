package checks_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// TestRemoveFields: what a removed field leaves empty goes with it, because istiod's webhook refuses empty policies.
func TestRemoveFields(t *testing.T) {
	rule := func(policy string) mesh.Object {
		objects := casetest.Decode(t, "rule", []byte("apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a, namespace: b}\nspec: {host: c, "+policy+"}\n"))
		return objects[0].Object
	}
	policy := func(steps ...string) []string { return slices.Concat([]string{"spec", "trafficPolicy"}, steps) }
	tests := map[string]struct {
		policy string
		paths  [][]string
		want   map[string]any
	}{
		"the only field": {
			"trafficPolicy: {tls: {mode: DISABLE}}", [][]string{policy("tls")}, map[string]any{"host": "c"},
		},
		"one of two": {
			"trafficPolicy: {tls: {mode: DISABLE}, loadBalancer: {simple: RANDOM}}",
			[][]string{policy("tls")},
			map[string]any{"host": "c", "trafficPolicy": map[string]any{"loadBalancer": map[string]any{"simple": "RANDOM"}}},
		},
		"both of two": {
			"trafficPolicy: {connectionPool: {http: {http2MaxRequests: 1, maxRequestsPerConnection: 1}}}",
			[][]string{policy("connectionPool", "http", "http2MaxRequests"), policy("connectionPool", "http", "maxRequestsPerConnection")},
			map[string]any{"host": "c"},
		},
		"a port's only setting": {
			"trafficPolicy: {portLevelSettings: [{port: {number: 1}, tls: {mode: DISABLE}}, {port: {number: 2}, tls: {mode: SIMPLE}}]}",
			[][]string{policy("portLevelSettings", "0", "tls")},
			map[string]any{"host": "c", "trafficPolicy": map[string]any{"portLevelSettings": []any{
				map[string]any{"port": map[string]any{"number": int64(2)}, "tls": map[string]any{"mode": "SIMPLE"}},
			}}},
		},
		"a subset's only policy": {
			"subsets: [{name: v1, labels: {a: b}, trafficPolicy: {tls: {mode: DISABLE}}}]",
			[][]string{{"spec", "subsets", "0", "trafficPolicy", "tls"}},
			map[string]any{"host": "c", "subsets": []any{map[string]any{"name": "v1", "labels": map[string]any{"a": "b"}}}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			changes := checks.RemoveFields(&checks.Pass{Snapshot: mesh.New(nil, mesh.Options{})}, rule(test.policy), "because", test.paths...)
			require.Len(t, changes, 1)
			assert.Equal(t, plan.Update, changes[0].Action)
			after, err := changes[0].After()
			require.NoError(t, err)
			spec, _ := plan.Path{"spec"}.Get(after.Object)
			assert.JSONEq(t, normalized(t, test.want), normalized(t, spec.(map[string]any)))
		})
	}
}

// normalized is a value as it comes out of JSON, where all numbers are alike.
func normalized(t *testing.T, value map[string]any) string {
	t.Helper()
	data, err := json.Marshal(value)
	require.NoError(t, err)
	return string(data)
}
