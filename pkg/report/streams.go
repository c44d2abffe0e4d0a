package report

import (
	"bytes"
	"io"
	"os"
	"runtime"

	"golang.org/x/term"
)

// defaultWidth is the width of a terminal that does not say its own, and of what is no terminal.
const defaultWidth = 80

// Streams are the terminal: where results, progress and questions go, and what it can do.
type Streams struct {
	// In is read for "-" and for answers, Out takes results, Err progress and warnings. Only clean text passes to both.
	In  io.Reader
	Out io.Writer
	Err io.Writer
	// InTerminal says that a person is there to answer; OutTerminal and ErrTerminal that one reads.
	InTerminal, OutTerminal, ErrTerminal bool
	// OutColour and ErrColour say that colours are wanted: only on a terminal, never with NO_COLOR or TERM=dumb.
	OutColour, ErrColour bool
	// Width is the terminal's in columns.
	Width int
}

// SystemStreams are those of the process.
func SystemStreams() Streams {
	return Streams{
		In: os.Stdin, Out: clean(os.Stdout, isTerminal(os.Stdout)), Err: clean(os.Stderr, isTerminal(os.Stderr)),
		InTerminal: isTerminal(os.Stdin), OutTerminal: isTerminal(os.Stdout), ErrTerminal: isTerminal(os.Stderr),
		OutColour: takesColour(os.Stdout), ErrColour: takesColour(os.Stderr),
		Width: widthOf(os.Stdout),
	}
}

func isTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }

// takesColour follows kubectl: only a terminal, none that says it is dumb, never with NO_COLOR (whatever its value), and on
// Windows only the terminal that says it knows UTF-8 and escape codes.
// Source: k8s.io/cli-runtime's pkg/printers/terminal.go (AllowsColorOutput).
func takesColour(file *os.File) bool {
	_, refused := os.LookupEnv("NO_COLOR")
	dumb := os.Getenv("TERM") == "dumb" || runtime.GOOS == "windows" && os.Getenv("WT_SESSION") == ""
	return isTerminal(file) && !refused && !dumb
}

func widthOf(file *os.File) int {
	if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
		return width
	}
	return defaultWidth
}

// Notes prints what the user should know beside the answer.
func Notes(streams Streams, notes []string) {
	for _, note := range notes {
		Printf(streams.Err, "note: %s\n", note)
	}
}

// FakeStreams are no terminal, for tests: input is what is typed, and out and err hold what was written.
func FakeStreams(input string) (streams Streams, out, err *bytes.Buffer) {
	out, err = &bytes.Buffer{}, &bytes.Buffer{}
	return Streams{In: bytes.NewBufferString(input), Out: clean(out, false), Err: clean(err, false), Width: defaultWidth}, out, err
}
