package inert

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// Guard finds in a text what must not be printed as it is: odd characters, and what the log of a CI system takes for a command.
// Those are "::" at the beginning of a line (GitHub Actions; white space before it does not count) and "##[" or "##word["
// anywhere (GitHub Actions, Azure Pipelines, TeamCity).
// Source: github.com/actions/runner, src/Runner.Common/ActionCommand.cs; github.com/microsoft/azure-pipelines-agent,
// src/Microsoft.VisualStudio.Services.Agent/Command.cs.
type Guard struct {
	// Lines lets line breaks pass, and looks at the beginnings of lines.
	Lines bool
	// Commands lets "::" pass.
	Commands bool
	// Passes is how many bytes at the beginning of a text, which begins with a control character, pass nevertheless; nil for none.
	Passes func(text string) int

	begun  bool // something stands on the line
	colon  bool // and that is one colon
	hashes int  // how many hashes end what stands there, two also with a word behind them
}

// Append puts a text behind another, with escapes for what must not be printed. It gives nil, for to as well, where the text can
// stay as it is. Texts that follow one another make one.
func (g *Guard) Append(to []byte, text string, escape func(to []byte, character string) []byte) []byte {
	from, changed := 0, false
	for i := 0; i < len(text); {
		size, odd := g.next(text[i:])
		if odd {
			if !changed {
				to, changed = slices.Grow(to, len(text)+len(text)/2), true
			}
			to = escape(append(to, text[from:i]...), text[i:i+size])
			from = i + size
		}
		i += size
	}
	if !changed {
		return nil
	}
	return append(to, text[from:]...)
}

// next is the size of a text's first character, and whether it must not be printed.
func (g *Guard) next(text string) (size int, odd bool) {
	c := text[0]
	if c > ' ' && c < 0x7f {
		return 1, g.visible(c)
	}
	if c == ' ' {
		g.hashes, g.colon = 0, false
		return 1, false
	}
	if c < utf8.RuneSelf {
		return g.control(text)
	}
	r, size := utf8.DecodeRuneInString(text)
	g.hashes, g.colon = 0, false
	g.begun = g.begun || !unicode.IsSpace(r)
	return size, r == utf8.RuneError && size == 1 || IsOdd(r)
}

// visible reports whether a visible character of ASCII would complete a command.
func (g *Guard) visible(c byte) bool {
	command := c == '[' && g.hashes > 1 || c == ':' && g.colon
	g.colon = c == ':' && !g.begun && g.Lines && !g.Commands
	g.begun = true
	isLetter := c|0x20 >= 'a' && c|0x20 <= 'z'
	switch {
	case c == '#':
		g.hashes++
	case g.hashes < 2 || !isLetter:
		g.hashes = 0
	}
	return command
}

func (g *Guard) control(text string) (size int, odd bool) {
	g.hashes, g.colon = 0, false
	if g.Passes != nil {
		if size := g.Passes(text); size > 0 {
			return size, false
		}
	}
	if text[0] == '\n' && g.Lines {
		g.begun = false
		return 1, false
	}
	g.begun = true // its escape
	return 1, true
}

// IsInert reports whether nothing in a text of several lines needs an escape.
func IsInert(text string) bool {
	guard := Guard{Lines: true}
	for i := 0; i < len(text); {
		size, odd := guard.next(text[i:])
		if odd {
			return false
		}
		i += size
	}
	return true
}
