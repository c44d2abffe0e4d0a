// Package inert prints what others have written as text and nothing else: on the line where it belongs, and as one word of a
// command. It knows neither objects nor formats, so everybody may import it.
package inert

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// IsOdd reports whether a character does more, or less, than show itself: control characters, line and paragraph separators,
// marks for the direction of writing, characters of no width, tags, and what Unicode has not assigned.
func IsOdd(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r < ' ' || r == 0x7f
	case r >= 0x4e00 && r < 0x9fff, r >= 0xac00 && r < 0xd7a0:
		return false // most of Chinese and Korean, without a search
	default:
		return !strconv.IsGraphic(r) || unicode.Is(unicode.Variation_Selector, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
	}
}

// Line is a text on one line: every odd character, line breaks and tabs too, stands there as the escape that Go has for it.
func Line(text string) string {
	guard := Guard{}
	if line := guard.Append(nil, text, Escape); line != nil {
		return string(line)
	}
	return text
}

// Escape puts the escape of a character, or of a byte that is none, behind a text for people.
func Escape(to []byte, character string) []byte {
	r, size := utf8.DecodeRuneInString(character)
	switch {
	case r == '\n':
		return append(to, `\n`...)
	case r == '\t':
		return append(to, `\t`...)
	case r == '\r':
		return append(to, `\r`...)
	case r == ':' || r == '[':
		return append(append(to, '\\'), character...)
	case r == utf8.RuneError && size == 1, r < utf8.RuneSelf:
		return Hex(to, `\x`, rune(character[0]), 2)
	case r <= 0xffff:
		return Hex(to, `\u`, r, 4)
	default:
		return Hex(to, `\U`, r, 8)
	}
}

// Hex puts a number of so many hexadecimal digits behind a text.
func Hex(to []byte, prefix string, number rune, digits int) []byte {
	to = append(to, prefix...)
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		to = append(to, "0123456789abcdef"[number>>shift&0xf])
	}
	return to
}
