package report

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLintDifference(t *testing.T) {
	reports := lintReports(t)
	at := time.Date(2026, 6, 1, 12, 30, 45, 0, time.UTC)
	var out bytes.Buffer
	first := reports["findings"]
	require.NoError(t, LintDifference(&out, nil, first, at, false))
	second := reports["clean"]
	second.Findings = first.Findings[:1]
	require.NoError(t, LintDifference(&out, first, second, at.Add(time.Minute), false))
	require.NoError(t, LintDifference(&out, second, second, at.Add(time.Hour), false))
	assert.Equal(t, `12:30:45 + warning GX301 Namespace shop: It is <odd> & "quoted".
12:30:45 + info GX203 Deployment shop/server: Deployment server has one replica.\x1b[31m
12:30:45 + error GX301 Service shop/server: Port 8000 leads to a gRPC server, but its name says HTTP: 100% of the calls fail.
12:31:45 - info GX203 Deployment shop/server: Deployment server has one replica.\x1b[31m
12:31:45 - error GX301 Service shop/server: Port 8000 leads to a gRPC server, but its name says HTTP: 100% of the calls fail.
`, out.String())
}
