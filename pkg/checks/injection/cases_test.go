package injection_test

import (
	"testing"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
)

func TestCases(t *testing.T) {
	for _, c := range casetest.Of(t, "testdata") {
		t.Run(c.Name, func(t *testing.T) {
			report := lint.Run(c.Snapshot(t, nil), lint.Options{})
			c.Compare(t, report.Findings, report.Skips)
		})
	}
}
