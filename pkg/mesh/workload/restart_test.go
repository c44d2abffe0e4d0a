package workload

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	core "k8s.io/api/core/v1"
)

func TestRestartedAt(t *testing.T) {
	workload := &Workload{Template: &core.PodTemplateSpec{}}
	now := time.Date(2026, 6, 1, 14, 30, 59, 5e8, time.FixedZone("CEST", 7200))
	assert.Equal(t, "2026-06-01T12:30:59Z", workload.RestartedAt(now))

	workload.Template.Annotations = map[string]string{RestartedAtAnnotation: "2026-06-01T12:30:59Z"}
	assert.Equal(t, "2026-06-01T12:31:00Z", workload.RestartedAt(now), "the same value again restarts nothing")
	assert.Equal(t, "2026-06-01T12:31:00Z", workload.RestartedAt(now.Add(time.Second)))
}
