package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
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
	line, message := 1, err.Error()
	if parts := yamlErrorForm.FindStringSubmatch(message); parts != nil {
		message = parts[2]
		if number, err := strconv.Atoi(parts[1]); err == nil {
			line = number
			if strings.HasPrefix(message, "did not find expected") {
				line++
			}
		}
	}
	return d.errorAt(line, "this is not YAML: %s", message)
}

func (d *document) errorAt(line int, format string, arguments ...any) *Error {
	message := fmt.Sprintf(format, arguments...)
	if d.file.generated {
		return &Error{File: d.file.path, Message: message}
	}
	return &Error{File: d.file.path, Line: d.fileLine(line), Message: message}
}
