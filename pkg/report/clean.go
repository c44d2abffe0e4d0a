package report

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
)

// What is printed is cleaned twice. Printf keeps every value on its line and shows what it has of odd characters; it knows what is
// a value and what the program's own text. Behind it, cleanWriter lets nothing pass to a stream, whoever wrote it, that moves the
// cursor, paints, turns the direction of writing, or is a command to a CI system.

// Printf is fmt.Fprintf for people: line breaks and colours come from the format and from paint, never from a value.
func Printf(w io.Writer, format string, values ...any) {
	for i, value := range values {
		values[i] = cleanValue(value)
	}
	fmt.Fprintf(w, format, values...)
}

func cleanValue(value any) any {
	switch typed := value.(type) {
	case nil:
		return nil
	case string:
		return inert.Line(typed)
	case painted:
		return string(typed)
	case error, fmt.Stringer:
		return inert.Line(fmt.Sprint(typed))
	}
	switch kind := reflect.TypeOf(value).Kind(); {
	case kind >= reflect.Bool && kind <= reflect.Complex128:
		return value
	default:
		return inert.Line(fmt.Sprint(value))
	}
}

// ErrorLines are an error's text, line by line. Only errors that have lines of their own (a method Lines, or several errors in one)
// are more than one line: a line break in a value is none.
func ErrorLines(err error) []string {
	if own, ok := err.(interface{ Lines() []string }); ok {
		return cleanLines(own.Lines())
	}
	switch wrapper := err.(type) { //nolint:errorlint // of this very error: those that it wraps come one by one
	case interface{ Unwrap() []error }:
		parts := wrapper.Unwrap()
		if err.Error() == errors.Join(parts...).Error() {
			var lines []string
			for _, part := range parts {
				lines = append(lines, ErrorLines(part)...)
			}
			return lines
		}
	case interface{ Unwrap() error }:
		if inner := wrapper.Unwrap(); inner != nil {
			if before, after, found := strings.Cut(err.Error(), inner.Error()); found && inner.Error() != "" {
				lines := ErrorLines(inner)
				lines[0] = cleanLine(before) + lines[0]
				lines[len(lines)-1] += cleanLine(after)
				return lines
			}
		}
	}
	return []string{cleanLine(err.Error())}
}

func cleanLines(lines []string) []string {
	clean := make([]string, len(lines))
	for i, line := range lines {
		clean[i] = cleanLine(line)
	}
	return clean
}

func cleanLine(text string) string { return inert.Line(WithoutUserinfo(text)) }

var userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s?#"'<>]*@`)

// WithoutUserinfo is a text without the user and password in its URLs.
func WithoutUserinfo(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return userinfo.ReplaceAllString(text, "$1")
}

// cleanWriter is a stream to which only text, line breaks and the program's own colours pass. Each write must end with a whole
// character.
type cleanWriter struct {
	lock  sync.Mutex
	to    io.Writer
	guard inert.Guard
}

// clean makes a stream of text. On a terminal the program's own escape sequences pass.
func clean(to io.Writer, terminal bool) io.Writer {
	return &cleanWriter{to: to, guard: inert.Guard{Lines: true, Passes: func(text string) int { return ownSequence(text, terminal) }}}
}

func (c *cleanWriter) Write(text []byte) (int, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	clean := c.guard.Append(nil, string(text), inert.Escape)
	if clean == nil {
		clean = text
	}
	if _, err := c.to.Write(clean); err != nil {
		return 0, err
	}
	return len(text), nil
}

// workflowCommands lets "::" pass at the beginning of lines, for the format that is made of such commands.
func workflowCommands(w io.Writer) io.Writer {
	stream, ok := w.(*cleanWriter)
	if !ok {
		return w
	}
	return &cleanWriter{to: stream.to, guard: inert.Guard{Lines: true, Commands: true}}
}

// ownSequence is the length of the control characters of our own that a text begins with: a tab (values have none here: Printf
// shows theirs), the line end of a file from Windows, and on a terminal the sequences of paint and Progress.
func ownSequence(text string, terminal bool) int {
	switch {
	case text[0] == '\t':
		return 1
	case strings.HasPrefix(text, "\r\n"):
		return 1
	case terminal && strings.HasPrefix(text, clearLine):
		return len(clearLine)
	case terminal && strings.HasPrefix(text, "\x1b["):
		code, _, found := strings.Cut(text[2:min(len(text), 5)], "m")
		if found && ownCodes[code] {
			return len("\x1b[m") + len(code)
		}
	}
	return 0
}
