package lint

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
)

func TestSelect(t *testing.T) {
	all, err := Select(nil)
	require.NoError(t, err)
	assert.Equal(t, All(), all)
	for _, test := range []struct {
		patterns   []string
		has, hasNo []string
	}{
		{[]string{"GX301"}, []string{"GX301"}, []string{"GX302", "GX101"}},
		{[]string{"gx3"}, []string{"GX301", "GX302"}, []string{"GX401"}},
		{[]string{"port-not-grpc"}, []string{"GX301"}, []string{"GX302"}},
		{[]string{"GX3", "-GX302"}, []string{"GX301"}, []string{"GX302", "GX401"}},
		{[]string{"-GX302"}, []string{"GX301", "GX401"}, []string{"GX302"}},
		{[]string{" GX3", " -GX302"}, []string{"GX301"}, []string{"GX302", "GX401"}},
		{[]string{"-GX3", "GX301"}, []string{"GX301", "GX401"}, []string{"GX302"}},
	} {
		selected, err := Select(test.patterns)
		require.NoError(t, err)
		var ids []string
		for _, check := range selected {
			ids = append(ids, check.ID)
		}
		assert.Subset(t, ids, test.has, test.patterns)
		for _, id := range test.hasNo {
			assert.NotContains(t, ids, id, test.patterns)
		}
	}
	for _, pattern := range []string{"GX999", "G", "", "port", "-nothing"} {
		_, err := Select([]string{pattern})
		assert.ErrorContains(t, err, "no check is called")
	}
}

func TestFind(t *testing.T) {
	byID, ok := Find("gx301")
	require.True(t, ok)
	bySlug, ok := Find("port-not-grpc")
	require.True(t, ok)
	assert.Same(t, byID, bySlug)
	_, ok = Find("GX3")
	assert.False(t, ok)
}

// selected are the checks that the patterns mean.
func selected(t *testing.T, patterns ...string) []*checks.Check {
	t.Helper()
	checks, err := Select(patterns)
	require.NoError(t, err)
	return checks
}
