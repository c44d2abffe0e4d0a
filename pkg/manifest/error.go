package manifest

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is what is wrong with a file, and where.
type Error struct {
	// File is the path as the user gave it.
	File string
	// Line is the line in File, from 1; 0 where the file as a whole is meant.
	Line int
	// Message says in a sentence what is wrong, and what to do where that is not plain.
	Message string
}

// Error is "FILE:LINE: message", the form that editors and CI systems know.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

var yamlErrorForm = regexp.MustCompile(`^yaml: (?:line (\d+): )?((?s).*)$`)

// syntaxError makes the YAML library's error, which counts lines from the start of the document, one of the file. The library
// counts the lines of its parser's errors from 0 and those of its scanner's from 1; the parser's begin all alike.
func (d *document) syntaxError(err error) *Error {
	line, message := 0, err.Error()
	if parts := yamlErrorForm.FindStringSubmatch(message); parts != nil {
		message = parts[2]
		if number, err := strconv.Atoi(parts[1]); err == nil {
			line = number
			if strings.HasPrefix(message, "did not find expected") {
				line++
			}
		}
	}
	if line == 0 || message == tabMessage {
		line = d.lineOfFault(message, line)
	}
	return d.errorAt(line, "this is not YAML: %s", message)
}

const tabMessage = "found a tab character that violates indentation"

// lineOfFault finds the line of a fault for which the library gives none, or for tabs that of the value before it.
func (d *document) lineOfFault(message string, from int) int {
	text, offset := d.text(), -1
	if _, anchor, unknown := strings.Cut(message, "unknown anchor '"); unknown {
		anchor, _, _ = strings.Cut(anchor, "'")
		offset = bytes.Index(text, []byte("*"+anchor))
	}
	switch {
	case message == tabMessage:
		for line, content := range slices.Collect(bytes.Lines(text)) {
			if line+1 >= from && bytes.IndexByte(content[:len(content)-len(bytes.TrimLeft(content, " \t"))], '\t') >= 0 {
				return line + 1
			}
		}
		return from
	case strings.HasPrefix(message, "control characters"):
		offset = bytes.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) })
	case strings.Contains(message, "UTF-8"):
		for offset = 0; offset < len(text); {
			r, width := utf8.DecodeRune(text[offset:])
			if r == utf8.RuneError && width <= 1 {
				break
			}
			offset += width
		}
	}
	return 1 + bytes.Count(text[:max(offset, 0)], []byte("\n"))
}

func (d *document) errorAt(line int, format string, arguments ...any) *Error {
	message := fmt.Sprintf(format, arguments...)
	if d.file.generated {
		return &Error{File: d.origin.path, Line: d.origin.source().Line, Message: message + " (as built in " + d.file.path + ")"}
	}
	return &Error{File: d.file.path, Line: d.fileLine(line), Message: message}
}
