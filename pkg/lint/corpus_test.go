package lint

import (
	"testing"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
)

// TestCorpus runs the checks over every mesh of the corpus. The cases of one check stand in its family, with a test of their own.
func TestCorpus(t *testing.T) {
	for _, c := range casetest.Of(t, casetest.Corpus()) {
		t.Run(c.Name, func(t *testing.T) {
			report := Run(c.Snapshot(t, nil), Options{})
			c.Compare(t, report.Findings, report.Skips)
		})
	}
}
