// Package changelog holds that users read in CHANGELOG.md which checks a version brings and which it changes.
package changelog

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
)

const repository = "../.."

// section is what CHANGELOG.md says of a version.
type section struct {
	version  string
	released bool
	text     string
}

// sections are in the order of the file: the newest first.
func sections(text string) (found []section) {
	for _, part := range strings.Split(text, "\n## ")[1:] {
		heading, text, _ := strings.Cut(part, "\n")
		version, note, _ := strings.Cut(heading, ", ")
		found = append(found, section{version: version, released: note != "not released yet", text: text})
	}
	return found
}

// unmentioned returns the IDs that the text does not have.
func unmentioned(ids []string, text string) (missing []string) {
	for _, id := range ids {
		if !regexp.MustCompile(`\b` + id + `\b`).MatchString(text) {
			missing = append(missing, id)
		}
	}
	return missing
}

func read(t *testing.T) []section {
	t.Helper()
	text, err := os.ReadFile(repository + "/CHANGELOG.md")
	require.NoError(t, err)
	found := sections(string(text))
	require.NotEmpty(t, found)
	return found
}

func TestNewChecksAreInTheChangelog(t *testing.T) {
	added := map[string][]string{}
	for _, check := range lint.All() {
		added[check.Since] = append(added[check.Since], check.ID)
	}
	for _, s := range read(t) {
		assert.Empty(t, unmentioned(added[s.version], s.text), "checks of %s that its section in CHANGELOG.md does not name", s.version)
		delete(added, s.version)
	}
	assert.Empty(t, added, "CHANGELOG.md has no section for these versions, which checks have as Since")
}

var checkPage = regexp.MustCompile(`(?m)^docs/checks/(GX\d+)-`)

// What a check finds, says and shows is on its page, so that a check has changed where its page has. Before the first release
// there is nothing to compare with.
func TestChangedChecksAreInTheChangelog(t *testing.T) {
	all := read(t)
	for i, s := range all {
		if !s.released {
			continue
		}
		pages, err := exec.CommandContext(t.Context(), "git", "-C", repository, "diff", "--name-only", s.version, "--", "docs/checks").Output()
		require.NoError(t, err, "git knows no tag %s: fetch the tags", s.version)
		var changed []string
		for _, match := range checkPage.FindAllStringSubmatch(string(pages), -1) {
			changed = append(changed, match[1])
		}
		var news strings.Builder
		for _, later := range all[:i] {
			news.WriteString(later.text)
		}
		assert.Empty(t, unmentioned(changed, news.String()), "checks whose pages have changed since %s and that CHANGELOG.md does not name in a later section", s.version)
		return
	}
}

func TestSections(t *testing.T) {
	assert.Equal(t, []section{
		{"v0.2.0", false, "\n- GX207 is new.\n"}, {"v0.1.0", true, "\n- GX101 is new.\n"},
	}, sections("# Changes\n\n## v0.2.0, not released yet\n\n- GX207 is new.\n\n## v0.1.0, 2027-01-02\n\n- GX101 is new.\n"))
	assert.Equal(t, []string{"GX10"}, unmentioned([]string{"GX10", "GX101"}, "- GX101 is new."))
}
