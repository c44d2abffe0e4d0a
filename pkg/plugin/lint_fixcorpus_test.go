package plugin

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// TestFixesOfFilesFix holds the second law for files: every case of the corpus is fixed in place, and then the findings that
// were fixed are gone, and none is new.
func TestFixesOfFilesFix(t *testing.T) {
	corpus := filepath.Join("..", "lint", "testdata", "corpus")
	cases, err := filepath.Glob(filepath.Join(corpus, "[^_]*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, path := range cases {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		t.Run(filepath.Base(path), func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "case.yaml")
			require.NoError(t, os.WriteFile(copied, text, 0o600))
			arguments := []string{"lint", "-f", copied, "-A", "--self-contained", "-o", "json"}
			if base := baseOf(string(text)); base != "none" {
				mesh, err := os.ReadFile(filepath.Join(corpus, "_base-"+base+".yaml"))
				require.NoError(t, err)
				copiedBase := filepath.Join(t.TempDir(), "base.yaml")
				require.NoError(t, os.WriteFile(copiedBase, mesh, 0o600))
				arguments = append(arguments, "-f", copiedBase)
			}
			before := lintReport(t, arguments)
			fixable := map[string]bool{}
			known := map[string]bool{}
			for _, finding := range before.Findings {
				known[faultOf(finding)] = true
				if len(finding.Fix.Patch) > 0 {
					fixable[faultOf(finding)+finding.Path] = true
				}
			}
			if len(fixable) == 0 {
				return
			}
			for _, finding := range lintReport(t, append(arguments, "--fix=all", "--yes")).Findings {
				assert.False(t, fixable[faultOf(finding)+finding.Path], "still there: %s: %s", faultOf(finding), finding.Message)
				if finding.Level.AtLeast(checks.Warning) {
					assert.True(t, known[faultOf(finding)], "new: %s: %s", faultOf(finding), finding.Message)
				}
			}
			changed, err := os.ReadFile(copied)
			require.NoError(t, err)
			assert.Equal(t, commentsOf(string(text)), commentsOf(string(changed)), "every comment is kept")
		})
	}
}

// baseOf is the mesh on which a case stands, from its header.
func baseOf(text string) string {
	for line := range strings.Lines(text) {
		if base, ok := strings.CutPrefix(line, "# base: "); ok {
			return strings.Fields(base)[0]
		}
	}
	return "default"
}

func faultOf(finding report.LintFinding) string { return finding.ID + " " + finding.Object.String() }

func lintReport(t *testing.T, arguments []string) report.LintReport {
	t.Helper()
	got := command(t, arguments...)
	require.NotEqual(t, ExitFailed, got.code, got.err)
	var made report.LintReport
	require.NoError(t, json.Unmarshal([]byte(got.out), &made))
	return made
}

// commentsOf are the lines that are comments and nothing else.
func commentsOf(text string) []string {
	var comments []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			comments = append(comments, strings.TrimSpace(line))
		}
	}
	return comments
}
