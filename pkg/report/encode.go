package report

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
)

// JSON prints a value as JSON. Odd characters are there as its escapes, so that nothing is lost and nothing is raw.
func JSON(w io.Writer, value any) error { return indentedJSON(w, value, "  ") }

func indentedJSON(w io.Writer, value any, indent string) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", indent)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	return writeEscaped(w, text.Bytes(), escapeJSON)
}

// writeEscaped prints a document. What must not be raw stands in its strings alone.
func writeEscaped(w io.Writer, text []byte, escape func([]byte, string) []byte) error {
	guard := inert.Guard{Lines: true}
	if escaped := guard.Append(nil, string(text), escape); escaped != nil {
		text = escaped
	}
	_, err := w.Write(text)
	return err
}

func escapeJSON(to []byte, character string) []byte {
	r, _ := utf8.DecodeRuneInString(character)
	if first, second := utf16.EncodeRune(r); first != utf8.RuneError {
		return inert.Hex(inert.Hex(to, `\u`, first, 4), `\u`, second, 4)
	}
	return inert.Hex(to, `\u`, r, 4)
}

// escapeYAML is for strings in double quotes. Source: YAML 1.2, 5.7 Escaped Characters.
func escapeYAML(to []byte, character string) []byte {
	switch r, _ := utf8.DecodeRuneInString(character); {
	case r <= 0xff:
		return inert.Hex(to, `\x`, r, 2)
	case r <= 0xffff:
		return inert.Hex(to, `\u`, r, 4)
	default:
		return inert.Hex(to, `\U`, r, 8)
	}
}

func escapeXML(to []byte, character string) []byte {
	r, _ := utf8.DecodeRuneInString(character)
	return append(inert.Hex(to, "&#x", r, 6), ';')
}

// YAML prints values as documents: in the form that their JSON has, with sorted keys, as kubectl does. Strings with odd characters
// stand in double quotes, with escapes.
func YAML(w io.Writer, values ...any) error {
	if len(values) == 0 {
		return nil
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	for _, value := range values {
		document, err := asJSON(value)
		if err != nil {
			return err
		}
		if document, err = quoted(document); err != nil {
			return err
		}
		if err := encoder.Encode(document); err != nil {
			return err
		}
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	return writeEscaped(w, text.Bytes(), escapeYAML)
}

// asJSON is a value as JSON has it: maps, lists and simple values.
func asJSON(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var decoded any
	return decoded, decoder.Decode(&decoded)
}

// quoted puts the strings that need escapes in double quotes, and numbers in Go's own types.
func quoted(value any) (any, error) {
	var err error
	switch typed := value.(type) {
	case json.Number:
		return number(typed)
	case string:
		if !inert.IsInert(typed) {
			return doubleQuoted(typed), nil
		}
	case []any:
		for i := range typed {
			if typed[i], err = quoted(typed[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		odd := false
		for key := range typed {
			odd = odd || !inert.IsInert(key)
			if typed[key], err = quoted(typed[key]); err != nil {
				return nil, err
			}
		}
		if odd {
			return quotedKeys(typed)
		}
	}
	return value, nil
}

func number(text json.Number) (any, error) {
	if whole, err := text.Int64(); err == nil {
		return whole, nil
	}
	return text.Float64()
}

func doubleQuoted(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text}
}

func quotedKeys(fields map[string]any) (*yaml.Node, error) {
	node := &yaml.Node{}
	if err := node.Encode(fields); err != nil {
		return nil, err
	}
	for i := 0; i < len(node.Content); i += 2 {
		if key := node.Content[i]; !inert.IsInert(key.Value) {
			key.Style = yaml.DoubleQuotedStyle
		}
	}
	return node, nil
}

// IsClean reports whether a stream takes a text as it is.
func IsClean(text []byte) bool {
	guard := inert.Guard{Lines: true, Passes: func(text string) int { return ownSequence(text, false) }}
	return guard.Append(nil, string(text), inert.Escape) == nil
}
