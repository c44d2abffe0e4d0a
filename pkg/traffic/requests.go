package traffic

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// ReceivedRequests is how many requests a pod's own proxy has passed on to the pod, by its metrics in Prometheus' text
// format: the sum of istio_requests_total as the destination's side reports it.
// Source: Istio's standard metrics, pilot/pkg/model/telemetry.go; reporter tells the two sides apart.
func ReceivedRequests(metrics []byte) (uint64, error) {
	var sum uint64
	lines := bufio.NewScanner(bytes.NewReader(metrics))
	lines.Buffer(nil, maxHost)
	for lines.Scan() {
		line := lines.Text()
		end := strings.LastIndex(line, "} ")
		if end < 0 || !strings.HasPrefix(line, "istio_requests_total{") || !strings.Contains(line[:end], `reporter="destination"`) {
			continue
		}
		value, _, _ := strings.Cut(line[end+len("} "):], " ") // a timestamp may follow
		count, err := strconv.ParseFloat(value, 64)
		if err != nil || !(count >= 0 && count <= maxRequests) {
			return 0, fmt.Errorf("the proxy's metrics cannot be read: %q", shortened(line))
		}
		sum = min(sum+uint64(count), maxRequests)
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("the proxy's metrics cannot be read: %w", err)
	}
	return sum, nil
}
