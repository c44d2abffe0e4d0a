package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// LintPrinter prints a report in one format.
type LintPrinter interface {
	Print(w io.Writer, report *LintReport) error
}

// PrintOptions are what a format for people depends on.
type PrintOptions struct {
	Colour bool
	// Width is the terminal's in columns.
	Width int
	// Version is the program's own, for formats that name their producer.
	Version string
}

var lintPrinters = map[string]func(PrintOptions) LintPrinter{
	"text":   func(options PrintOptions) LintPrinter { return textLint{options} },
	"table":  func(PrintOptions) LintPrinter { return tableLint{} },
	"json":   func(PrintOptions) LintPrinter { return jsonLint{} },
	"yaml":   func(PrintOptions) LintPrinter { return yamlLint{} },
	"sarif":  func(options PrintOptions) LintPrinter { return sarifLint{options.Version} },
	"junit":  func(PrintOptions) LintPrinter { return junitLint{} },
	"github": func(PrintOptions) LintPrinter { return githubLint{} },
}

// LintFormats are the names of the formats.
func LintFormats() []string { return slices.Sorted(maps.Keys(lintPrinters)) }

// LintPrinterFor is the printer of a format; the error says which formats there are.
func LintPrinterFor(format string, options PrintOptions) (LintPrinter, error) {
	printer, ok := lintPrinters[format]
	if !ok {
		return nil, fmt.Errorf("unknown output format %q: use one of %s", format, strings.Join(LintFormats(), ", "))
	}
	return printer(options), nil
}
