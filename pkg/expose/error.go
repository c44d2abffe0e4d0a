package expose

import (
	"fmt"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"
)

// Error is why a workload cannot be exposed as asked. Its text is a sentence that names the object, and what to do next.
type Error struct {
	// Problem says what is wrong, Next what to do about it; sentences without a final stop.
	Problem string
	Next    string
	// Choices are what the user can pick from, one line each.
	Choices []string
	// Taken is the VirtualService of somebody else's that has the calls; nil where that is not why.
	Taken *networking.VirtualService
}

// Error is the problem, the choices and the next step, on lines of their own.
func (e *Error) Error() string { return strings.Join(e.Lines(), "\n") }

// Lines tells the printer which line breaks are the text's own.
func (e *Error) Lines() []string {
	lines := []string{e.Problem}
	for _, choice := range e.Choices {
		lines = append(lines, "  "+choice)
	}
	if e.Next != "" {
		lines = append(lines, e.Next)
	}
	return lines
}

func refuse(next, problem string, arguments ...any) *Error {
	return &Error{Problem: fmt.Sprintf(problem, arguments...), Next: next}
}

func (e *Error) takenBy(route *networking.VirtualService) *Error {
	e.Taken = route
	return e
}

func (e *Error) choices(choices []string) *Error {
	e.Choices = choices
	return e
}
