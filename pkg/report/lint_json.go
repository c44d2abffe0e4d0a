package report

import (
	"encoding/json"
	"io"

	"sigs.k8s.io/yaml"
)

// jsonLint prints the report as it is.
type jsonLint struct{}

func (jsonLint) Print(w io.Writer, report *LintReport) error { return writeJSON(w, report) }

// yamlLint is the same document as YAML.
type yamlLint struct{}

func (yamlLint) Print(w io.Writer, report *LintReport) error {
	text, err := yaml.Marshal(report)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
