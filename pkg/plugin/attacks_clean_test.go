package plugin

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"sigs.k8s.io/yaml"
)

// assertClean holds that nothing of an attack reaches the terminal, the CI system, the shell or the parser of the output as more
// than text.
func assertClean(t *testing.T, command attacked, result outcome) {
	t.Helper()
	for name, text := range map[string]string{"stdout": result.out, "stderr": result.err} {
		if at := strings.IndexFunc(text, rawControl); at >= 0 {
			assert.Failf(t, "a raw control character", "%s: %q", name, around(text, at))
		}
		assert.True(t, utf8.ValidString(text), "%s is UTF-8", name)
		assert.NotContains(t, text, "SUPERSECRET", "%s has a Secret's value", name)
		assert.NotContains(t, text, "U1VQRVJTRUNSRVQ", "%s has a Secret's value", name)
		assertNoWorkflowCommands(t, command, name, text)
		assertQuoted(t, command, name, text)
	}
	assertParses(t, command, result)
}

// rawControl reports whether a rune does something to a terminal rather than being seen: C0 but for line breaks, DEL, C1, marks
// of direction, and line breaks that are none of ours.
func rawControl(r rune) bool {
	return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError
}

func around(text string, at int) string {
	return text[max(0, at-60):min(len(text), at+20)]
}

var ownWorkflowCommand = regexp.MustCompile(`^::(error|warning|notice) (file=[^:]*,)?.*::`)

func assertNoWorkflowCommands(t *testing.T, command attacked, name, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimLeft(line, " \t")
		if command.format == "github" && name == "stdout" && ownWorkflowCommand.MatchString(line) {
			continue
		}
		assert.False(t, strings.HasPrefix(line, "::") || strings.HasPrefix(line, "##["), "%s has a workflow command: %q", name, line)
	}
}

// assertQuoted holds that shell text in a printed command is within single quotes.
func assertQuoted(t *testing.T, command attacked, name, text string) {
	t.Helper()
	if command.format != "" && command.format != "text" {
		return
	}
	for line := range strings.Lines(text) {
		printed := strings.Index(line, "kubectl ")
		if printed < 0 {
			continue
		}
		if at := strings.Index(line[printed:], "$(touch pwn)"); at >= 0 {
			assert.Equal(t, 1, strings.Count(line[printed:printed+at], "'")%2, "%s: a printed command would run a program: %q", name, line)
		}
	}
}

func assertParses(t *testing.T, command attacked, result outcome) {
	t.Helper()
	if result.code == ExitFailed {
		return
	}
	switch command.format {
	case "json", "sarif":
		assert.True(t, json.Valid([]byte(result.out)), "stdout is JSON: %s", cut(result.out))
	case "yaml":
		for document := range strings.SplitSeq(result.out, "\n---\n") {
			var value any
			assert.NoError(t, yaml.Unmarshal([]byte(document), &value))
		}
	case "junit":
		for decoder := xml.NewDecoder(strings.NewReader(result.out)); ; {
			if _, err := decoder.Token(); err != nil {
				assert.ErrorIs(t, err, io.EOF)
				return
			}
		}
	}
}
