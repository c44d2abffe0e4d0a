package plugin

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	repositoryLine = regexp.MustCompile(`(?m)^== (.*) ==(?: (.*))?\n`)
	fileLine       = regexp.MustCompile(`(?m)^-- (.*) --\n`)
)

// TestRepositories: at the root of each tree lint gives a report, or says what to type.
func TestRepositories(t *testing.T) {
	text, err := os.ReadFile("testdata/repositories.txt")
	require.NoError(t, err)
	headers := repositoryLine.FindAllStringSubmatch(string(text), -1)
	bodies := repositoryLine.Split(string(text), -1)[1:]
	app := bodies[0]
	require.GreaterOrEqual(t, len(headers), 1+36)
	for i, header := range headers[1:] {
		name, want, body := header[1], strings.TrimSpace(header[2]), bodies[i+1]
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			paths, texts := fileLine.FindAllStringSubmatch(body, -1), fileLine.Split(body, -1)
			for i, path := range paths {
				writeRepositoryFile(t, path[1], strings.ReplaceAll(texts[i+1], "APP\n", app))
			}
			got := command(t, "lint", "-R", "-f", ".", "-o", "github", "--checks", "GX301")
			for line := range strings.Lines(texts[0]) {
				assert.Contains(t, got.err, strings.TrimSpace(strings.TrimPrefix(line, "note: ")))
			}
			if strings.HasPrefix(want, "error: ") {
				assert.Equal(t, ExitFailed, got.code)
				assert.Contains(t, got.err, want)
				return
			}
			assert.NotEqual(t, ExitFailed, got.code, got.err)
			if want == "" {
				assert.NotContains(t, got.out, "GX301")
				return
			}
			assert.Equal(t, 1, strings.Count(got.out, "GX301"), "told once:\n%s", got.out)
			if _, place, said := strings.Cut(want, " "); said {
				file, line, _ := strings.Cut(place, ":")
				assert.Contains(t, got.out, fmt.Sprintf("file=%s,line=%s", file, line))
			}
		})
	}
}

// writeRepositoryFile writes a file; "-> TARGET" makes it a link.
func writeRepositoryFile(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	if target, link := strings.CutPrefix(strings.TrimSpace(text), "-> "); link {
		require.NoError(t, os.Symlink(target, path))
		return
	}
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}
