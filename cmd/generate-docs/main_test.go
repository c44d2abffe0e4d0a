package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plugin"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

const repository = "../.."

func TestNothingIsStale(t *testing.T) {
	pages, err := pages(repository)
	require.NoError(t, err)
	stale, err := stalePages(repository, pages)
	require.NoError(t, err)
	assert.Empty(t, stale, `pages that nothing makes any more: run "make generate"`)
	for path, want := range pages {
		got, err := os.ReadFile(filepath.Join(repository, path))
		if assert.NoError(t, err, `run "make generate"`) {
			assert.Equal(t, want, string(got), `%s is stale: run "make generate"`, path)
		}
	}
}

func TestEveryCheckIsInAGroup(t *testing.T) {
	members := 0
	for _, family := range lint.Families() {
		members += len(family.Checks)
	}
	assert.Equal(t, len(lint.All()), members)
}

func TestFirstCausesNameChecks(t *testing.T) {
	for _, cause := range firstCauses {
		assert.NotEmpty(t, cause.checks, cause.seen)
		for _, id := range cause.checks {
			_, ok := lint.Find(id)
			assert.True(t, ok, "%s: no check %s", cause.seen, id)
		}
	}
}

func TestEveryCommandHasItsChinese(t *testing.T) {
	streams, _, _ := report.FakeStreams("")
	commands := listed(plugin.NewCommand(streams))
	assert.Len(t, chineseShort, len(commands))
	for _, command := range commands {
		assert.NotEmpty(t, chineseShort[command.Name()], command.Name())
	}
}

func TestGenerateRemovesWhatIsNoMore(t *testing.T) {
	folder := t.TempDir()
	gone := filepath.Join(folder, "docs/checks/GX999-gone.md")
	require.NoError(t, os.MkdirAll(filepath.Dir(gone), 0o755))
	require.NoError(t, os.WriteFile(gone, nil, 0o644))
	markers := "<!-- generated: commands -->\nold\n<!-- end -->\n<!-- generated: checks -->\n<!-- end -->\n"
	for _, readme := range []string{"README.md", "README.zh-CN.md"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, readme), []byte(markers), 0o644))
	}

	require.NoError(t, generate(folder))
	assert.NoFileExists(t, gone)
	assert.FileExists(t, filepath.Join(folder, "docs/checks/GX301-port-not-grpc.md"))
	assert.FileExists(t, filepath.Join(folder, "docs/commands/create.md"))
	text, err := os.ReadFile(filepath.Join(folder, "README.md"))
	require.NoError(t, err)
	assert.Contains(t, string(text), "[lint](docs/commands/lint.md)")
	assert.NotContains(t, string(text), "old\n")
}

func TestReplacePartsNeedsMarkers(t *testing.T) {
	_, err := replaceParts("README.md", "nothing here", map[string]string{"checks": "x"})
	assert.EqualError(t, err, `README.md has no part "checks": it needs the lines "<!-- generated: checks -->" and "<!-- end -->"`)
}
