package report

import "strings"

// LinesError is an error whose text has several lines, as a table or what to do next. Only those line breaks are its own.
type LinesError []string

func (e LinesError) Error() string { return strings.Join(e, "\n") }

// Lines tells the printer which line breaks are the text's own.
func (e LinesError) Lines() []string { return e }

// WithLines is an error with more lines behind its own.
func WithLines(err error, more ...string) error { return &extendedError{err, more} }

type extendedError struct {
	err  error
	more []string
}

func (e *extendedError) Error() string { return strings.Join(e.Lines(), "\n") }

func (e *extendedError) Unwrap() error { return e.err }

// Lines are the error's own and the others.
func (e *extendedError) Lines() []string { return append(ErrorLines(e.err), e.more...) }
