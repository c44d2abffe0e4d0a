package inert

import (
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"Port 8000 → grpc, 端口 한국 é":   "Port 8000 → grpc, 端口 한국 é",
		"a\nb\tc\rd":                  `a\nb\tc\rd`,
		"\x1b[2K\x00\x7f":             `\x1b[2K\x00\x7f`,
		"\u009b31m\u0085":             `\u009b31m\u0085`,
		"\u2028\u2029":                `\u2028\u2029`,
		"a\u202eb\u2066c\u200e\u061c": `a\u202eb\u2066c\u200e\u061c`,
		"\u200b\u200d\ufeff\u00ad":    `\u200b\u200d\ufeff\u00ad`,
		"\ufe0f\u034f\u3164\u115f":    `\ufe0f\u034f\u3164\u115f`,
		"\U000e0041\U000e0100":        `\U000e0041\U000e0100`,
		"\xff\xc3(":                   `\xff\xc3(`,
		"\ufffd":                      "\ufffd",
		"##[error]x ##vso[a] #[b] [c": `##\[error]x ##vso\[a] #[b] [c`,
	} {
		assert.Equal(t, want, Line(text), "%q", text)
		assert.Equal(t, Line(text), Line(Line(text)), "cleaning twice is cleaning once")
	}
}

func TestGuardOfLines(t *testing.T) {
	for text, want := range map[string]string{
		"a\nb":                      "a\nb",
		"::error::x":                `:\:error::x`,
		"  ::error::x\n\u3000::add": "  :\\:error::x\n\u3000:\\:add",
		"a ::b :: c":                "a ::b :: c",
		":a::b":                     ":a::b",
		": :x":                      ": :x",
		"\x1b::x":                   `\x1b::x`,
	} {
		guard := Guard{Lines: true}
		got := guard.Append(nil, text, Escape)
		if got == nil {
			got = []byte(text)
		}
		assert.Equal(t, want, string(got), "%q", text)
		assert.Equal(t, want == text, IsInert(text), "%q", text)
	}
}

func TestGuardAcrossTexts(t *testing.T) {
	guard := Guard{Lines: true}
	var got []byte
	for _, text := range []string{"a\n ", ":", ":error", " #", "#", "vs", "o", "[x]"} {
		if clean := guard.Append(nil, text, Escape); clean != nil {
			got = append(got, clean...)
		} else {
			got = append(got, text...)
		}
	}
	assert.Equal(t, "a\n :\\:error ##vso\\[x]", string(got))
}

// hostileWords are arguments that a shell, or what it runs, would take for something else.
var hostileWords = []string{
	"", "a b", "a;touch x", "$(touch x)", "`touch x`", "'", "a'b", `'\''`, `\`, "~", "~root", "=ls", "a=b", "*", "a\nb", "a\ntouch x", "\x1b]52;c;eA==\a", "#", "!!",
	"{a,b}", "<(touch x)", "a\u202eb", "&", "|", ">x", "x'; touch y\n'", "\xff", "端口", "--x", "%1", "^x", "it's\n;touch x", "\t", "##[error]x", "::error::x", `a\nb'`,
}

func TestWordIsReadBack(t *testing.T) {
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	for _, word := range hostileWords {
		command := exec.Command(shell, "-c", "printf '%s' "+Word(word))
		command.Dir, command.Env = t.TempDir(), []string{"LC_ALL=C.UTF-8"}
		out, err := command.Output()
		require.NoError(t, err, "%q", word)
		assert.Equal(t, word, string(out), "%s", Word(word))
		files, err := exec.Command("ls", "-A", command.Dir).Output()
		require.NoError(t, err)
		assert.Empty(t, files, "%q ran something", word)
	}
}

// TestWordInOtherShells holds that a shell without $'…' runs nothing either.
func TestWordInOtherShells(t *testing.T) {
	shell, err := exec.LookPath("dash")
	if err != nil {
		t.Skip("no dash")
	}
	for _, word := range hostileWords {
		command := exec.Command(shell, "-c", `set -- `+Word(word)+`; echo $#`)
		command.Dir = t.TempDir()
		out, err := command.Output()
		require.NoError(t, err, "%q", word)
		assert.Equal(t, "1\n", string(out), "%q is one word", word)
		files, err := exec.Command("ls", "-A", command.Dir).Output()
		require.NoError(t, err)
		assert.Empty(t, files, "%q ran something", word)
	}
}

func FuzzWord(f *testing.F) {
	for _, word := range hostileWords {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		quoted := Word(word)
		assert.True(t, utf8.ValidString(quoted))
		assert.Equal(t, quoted, Line(quoted), "it stays the same word when it is printed")
		if strings.HasPrefix(quoted, "$'") {
			assert.NotContains(t, quoted[2:len(quoted)-1], "'")
		}
	})
}

func TestArgument(t *testing.T) {
	assert.Equal(t, "-- --kubeconfig=x", Argument("--kubeconfig=x"))
	assert.Equal(t, "server", Argument("server"))
	assert.Equal(t, "kubectl get 'a b' -n x", Command("kubectl", "get", "a b", "-n", "x"))
}
