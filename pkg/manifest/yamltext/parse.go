package yamltext

import (
	"bytes"
	"errors"
	"io"

	"go.yaml.in/yaml/v3"
)

// ParseText gives the content of a document, nil for an empty one. Lines and columns count from its start.
func ParseText(text []byte) (*yaml.Node, error) {
	var document, more yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(WithoutTabs(text)))
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		return nil, errors.New("a second document begins without a line --- before it")
	case !errors.Is(err, io.EOF):
		return nil, err
	case len(document.Content) == 0:
		return nil, nil
	}
	return document.Content[0], nil
}

// WithoutTabs makes the tabs between the tokens of a JSON text blanks: YAML takes JSON, but not tabs. Every byte stays
// where it is.
func WithoutTabs(text []byte) []byte {
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' || bytes.IndexByte(text, '\t') < 0 {
		return text
	}
	text = bytes.Clone(text)
	quoted := false
	for i := 0; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case !quoted && text[i] == '\t':
			text[i] = ' '
		}
	}
	return text
}
