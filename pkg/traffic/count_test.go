package traffic

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestClusterCounts reads what a real Envoy has answered.
func TestClusterCounts(t *testing.T) {
	text, err := os.ReadFile("testdata/clusters.json")
	require.NoError(t, err)
	counts, err := clusterCounts(bytes.NewReader(text), "server", "test", 8000)
	require.NoError(t, err)
	assert.Len(t, counts, 3)
	total := uint64(0)
	for address, count := range counts {
		assert.Contains(t, address, ":50051")
		total += count
	}
	assert.EqualValues(t, 402, total)
	for _, other := range []struct {
		service, namespace string
		port               int32
	}{{"server", "test", 8001}, {"serve", "test", 8000}, {"server", "tes", 8000}, {"erver", "test", 8000}} {
		counts, err := clusterCounts(bytes.NewReader(text), other.service, other.namespace, other.port)
		require.NoError(t, err)
		assert.Empty(t, counts, other)
	}
}

func TestClusterCountsOfSubsetsDomainsAndAmbient(t *testing.T) {
	counts, err := clusterCounts(strings.NewReader(`{"cluster_statuses": [
		{"name": "outbound|80|v1|a.b.svc.example.org", "host_statuses": [
			{"address": {"socket_address": {"address": "10.0.0.1", "port_value": 9}}, "stats": [{"name": "rq_error", "value": "7"}, {"name": "rq_total", "value": "3"}]},
			{"address": {"socket_address": {"address": "fd00::1", "port_value": 9}}, "stats": [{"name": "rq_total"}]}]},
		{"name": "outbound|80|v2|a.b.svc.example.org", "host_statuses": [
			{"address": {"socket_address": {"address": "10.0.0.1", "port_value": 9}}, "stats": [{"name": "rq_total", "value": "4"}]},
			{"address": {"envoy_internal_address": {"endpoint_id": "10.0.0.2:9"}}, "stats": [{"name": "rq_total", "value": "1"}]}]},
		{"name": "inbound|80||", "host_statuses": [
			{"address": {"socket_address": {"address": "10.0.0.1", "port_value": 9}}, "stats": [{"name": "rq_total", "value": "100"}]}]}]}`), "a", "b", 80)
	require.NoError(t, err)
	assert.Equal(t, Counts{"10.0.0.1:9": 7, "[fd00::1]:9": 0, "10.0.0.2:9": 1}, counts)

	_, err = clusterCounts(strings.NewReader("upstream connect error"), "a", "b", 80)
	assert.ErrorContains(t, err, "the proxy's list of clusters cannot be read")
	_, err = clusterCounts(strings.NewReader(`{"cluster_statuses": [{"name": "outbound|80||a.b.svc.cluster.local", "host_statuses": [{"stats": [{"name": "rq_total", "value": "x"}]}]}]}`), "a", "b", 80)
	assert.ErrorContains(t, err, `it counts "x" requests`)
}

func TestCountsSinceAndAdd(t *testing.T) {
	before := Counts{"a": 10, "restarted": 50, "gone": 5}
	difference := Counts{"a": 13, "restarted": 2, "new": 4}.Since(before)
	assert.Equal(t, Counts{"a": 3, "restarted": 2, "new": 4}, difference)
	difference.Add(Counts{"a": 1, "other": 2})
	assert.Equal(t, Counts{"a": 4, "restarted": 2, "new": 4, "other": 2}, difference)
}

func TestReceivedRequests(t *testing.T) {
	sum, err := ReceivedRequests([]byte(`# TYPE istio_requests_total counter
istio_requests_total{reporter="source",grpc_response_status="0"} 1000
istio_requests_total{reporter="destination",source_workload="a } b",grpc_response_status="0"} 40
istio_requests_total{reporter="destination",grpc_response_status="14"} 2 1700000000000
istio_requests_total_other{reporter="destination"} 7
istio_request_bytes_count{reporter="destination"} 9
`))
	require.NoError(t, err)
	assert.EqualValues(t, 42, sum)
	_, err = ReceivedRequests([]byte(`istio_requests_total{reporter="destination"} many`))
	assert.ErrorContains(t, err, "the proxy's metrics cannot be read")
	sum, err = ReceivedRequests(nil)
	require.NoError(t, err)
	assert.Zero(t, sum)
}
