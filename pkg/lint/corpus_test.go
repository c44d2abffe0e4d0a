package lint

import (
	"os"
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

// TestReports runs the checks over meshes made after what people have reported: those kept here, and those of the folder that
// GRPCEXPOSE_REPORTS names.
func TestReports(t *testing.T) {
	folders := []string{casetest.Reports()}
	if given := os.Getenv("GRPCEXPOSE_REPORTS"); given != "" {
		folders = append(folders, given)
	}
	for _, folder := range folders {
		for _, c := range casetest.Of(t, folder) {
			t.Run(c.Name, func(t *testing.T) {
				report := Run(c.Snapshot(t, nil), Options{})
				c.Compare(t, report.Findings, report.Skips)
			})
		}
	}
}
