package report

import "github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"

// The colours, as ANSI codes.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	bold   = "1"
	faint  = "2"
	usual  = "0"
)

var ownCodes = map[string]bool{red: true, green: true, yellow: true, cyan: true, bold: true, faint: true, usual: true}

// painted is a text that is clean and may have colours.
type painted string

// paint puts text in a colour, if colour is wanted at all.
func paint(text, code string, colour bool) painted {
	text = inert.Line(text)
	if !colour || code == "" {
		return painted(text)
	}
	return painted("\x1b[" + code + "m" + text + "\x1b[" + usual + "m")
}
