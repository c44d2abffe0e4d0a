// Package exitcode has the errors that say how the process ends. Every package may import it; it imports none of them.
package exitcode

import (
	"errors"
	"fmt"
)

// ErrBadAnswer ends a command whose answer is bad and has been printed.
var ErrBadAnswer = errors.New("the answer is bad")

// UsageError is a flag or argument that makes no sense. Its text names the flag and says what would.
type UsageError struct{ Message string }

func (e *UsageError) Error() string { return e.Message }

// Usage is a UsageError with that text.
func Usage(format string, arguments ...any) error {
	return &UsageError{fmt.Sprintf(format, arguments...)}
}
