package inert

import "strings"

// Word is a text as one word of a command for a POSIX shell: what it is pasted into reads the text, and runs nothing of it. A
// word with odd characters has the form $'…', which shells without it read as text too, for no quote stands in it.
func Word(text string) string {
	switch {
	case text != "" && !strings.ContainsFunc(text, needsQuotes) && text[0] != '=':
		return text
	case !strings.ContainsFunc(text, IsOdd) && IsInert(text) && strings.ToValidUTF8(text, "") == text:
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	word := []byte("$'")
	for _, c := range []byte(text) {
		if c < ' ' || c >= 0x7f || c == '\'' || c == '\\' || c == '[' || c == ':' {
			word = Hex(word, `\x`, rune(c), 2)
		} else {
			word = append(word, c)
		}
	}
	return string(append(word, '\''))
}

// needsQuotes reports whether a character could mean something to a shell. What could not is listed, as in shlex.quote of Python.
func needsQuotes(r rune) bool {
	isLetter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !isLetter && !strings.ContainsRune("@%_+=:,./-", r)
}

// Argument is a text as an argument of a command that also takes options: one that begins with a dash stands behind "--", for it
// is none.
func Argument(text string) string {
	if strings.HasPrefix(text, "-") {
		return "-- " + Word(text)
	}
	return Word(text)
}

// Command is a command line of words, each of them quoted if need be.
func Command(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = Word(word)
	}
	return strings.Join(quoted, " ")
}
