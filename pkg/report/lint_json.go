package report

import "io"

// jsonLint prints the report as it is.
type jsonLint struct{}

func (jsonLint) Print(w io.Writer, report *LintReport) error { return JSON(w, report) }

// yamlLint is the same document as YAML.
type yamlLint struct{}

func (yamlLint) Print(w io.Writer, report *LintReport) error { return YAML(w, report) }
