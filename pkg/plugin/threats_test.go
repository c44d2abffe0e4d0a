package plugin

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	testName     = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`")
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9]+)\(`)
)

// TestEveryRuleHasItsTest holds that the tests that THREATS.md names are there, and that every rule names one.
func TestEveryRuleHasItsTest(t *testing.T) {
	there := map[string]bool{}
	for _, folder := range []string{"pkg", "cmd", "hack", "internal"} {
		err := filepath.WalkDir(filepath.Join("..", "..", folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, found := range testFunction.FindAllStringSubmatch(string(text), -1) {
				there[found[1]] = true
			}
			return err
		})
		require.NoError(t, err)
	}
	text, err := os.ReadFile("../../THREATS.md")
	require.NoError(t, err)
	rules, inRules := 0, false
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "|") {
			inRules = false
			continue
		}
		if strings.HasPrefix(line, "| rule |") || strings.HasPrefix(line, "|--") {
			inRules = inRules || strings.HasPrefix(line, "| rule |")
			continue
		}
		names := testName.FindAllStringSubmatch(line, -1)
		if inRules {
			rules++
			assert.NotEmpty(t, names, "a rule without a test: %s", line)
		}
		for _, name := range names {
			assert.True(t, there[name[1]], "THREATS.md names %s, which is not there", name[1])
		}
	}
	assert.Greater(t, rules, 20)
}
