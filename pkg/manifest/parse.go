package manifest

import (
	"bytes"
	"errors"
	"io"

	"go.yaml.in/yaml/v3"
)

// parse gives the document's content, or nil for one that is empty. Lines and columns in it count from the start of the
// document.
func (d *document) parse() (*yaml.Node, error) { return parseText(d.text()) }

func parseText(text []byte) (*yaml.Node, error) {
	var document, more yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(withoutTabs(text)))
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

// withoutTabs makes the tabs between the tokens of a JSON text blanks: YAML takes JSON, but not tabs. Every byte stays
// where it is.
func withoutTabs(text []byte) []byte {
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
