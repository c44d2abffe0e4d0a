package dataplane

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// admin asks the gateway's Envoy.
func (s *scene) admin(path string) string {
	s.Helper()
	response, err := http.Get(s.gatewayAdmin + path)
	require.NoError(s, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(s, err)
	return string(body)
}

// gatewayForgets waits until the gateway has neither routes nor clusters of the scene, so that the next one begins afresh.
func (s *scene) gatewayForgets() {
	require.EventuallyWithT(s, func(c *assert.CollectT) {
		assert.NotContains(c, s.admin("/clusters"), "."+s.namespace+".")
		assert.NotContains(c, s.admin("/listeners"), "8000")
	}, patience, 100*time.Millisecond)
}

// connections is how many connections clients have made to a listener of the gateway so far.
func (s *scene) connections(listener string) int {
	s.Helper()
	line := s.admin("/stats?filter=^listener." + listener + ".downstream_cx_total$")
	_, value, found := strings.Cut(strings.TrimSpace(line), ": ")
	if !found {
		return 0
	}
	count, err := strconv.Atoi(value)
	require.NoError(s, err)
	return count
}
