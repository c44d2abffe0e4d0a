package checks

import (
	"testing"
)

// TestCorpus judges every case: findings of level warning and error are exactly those expected, and nothing is skipped.
func TestCorpus(t *testing.T) {
	for _, c := range corpusCases(t) {
		t.Run(c.name, func(t *testing.T) {
			report := Run(c.snapshot(t, nil), Options{})
			for _, skip := range report.Skips {
				t.Errorf("%s skipped: %s", skip.ID, skip.Reason)
			}
			c.compare(t, report.Findings)
		})
	}
}
