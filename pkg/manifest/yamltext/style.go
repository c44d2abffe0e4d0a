package yamltext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// firstKeys come before the others, in this order, as people write manifests.
var firstKeys = []string{"apiVersion", "kind", "metadata", "name", "namespace"}

func sortedKeys(fields map[string]any) []string {
	rank := func(key string) int {
		if index := slices.Index(firstKeys, key); index >= 0 {
			return index
		}
		return len(firstKeys)
	}
	keys := slices.Sorted(maps.Keys(fields))
	slices.SortStableFunc(keys, func(a, b string) int { return rank(a) - rank(b) })
	return keys
}

// Block is a filled collection as lines, without the last line end, each indented. Other values are as inline has them.
func (s PageStyle) Block(value any, indent int) string {
	var lines []string
	switch typed := value.(type) {
	case map[string]any:
		for _, key := range sortedKeys(typed) {
			if typed[key] != nil {
				lines = append(lines, s.entry(key, typed[key], indent))
			}
		}
	case []any:
		for _, element := range typed {
			lines = append(lines, strings.Repeat(" ", indent)+"- "+strings.TrimLeft(s.value(element, indent+2), " "))
		}
	default:
		lines = append(lines, s.Inline(value, 0))
	}
	return strings.Join(lines, s.LineEnd)
}

// entry is a key and its value, indented.
func (s PageStyle) entry(key string, value any, indent int) string {
	text := strings.Repeat(" ", indent) + s.key(key) + ":"
	if !isFilled(value) {
		return text + " " + s.value(value, indent+s.Step)
	}
	if _, isList := value.([]any); isList && s.Compact {
		return text + s.LineEnd + s.Block(value, indent)
	}
	return text + s.LineEnd + s.Block(value, indent+s.Step)
}

// value is a value of a block: a collection as indented lines, a text of several lines as "|".
func (s PageStyle) value(value any, indent int) string {
	if isFilled(value) {
		return s.Block(value, indent)
	}
	return s.literal(value, indent)
}

func (s PageStyle) key(key string) string { return s.text(key, 0) }

// Inline is a value on one line. Texts keep the kind of quotes that they had.
func (s PageStyle) Inline(value any, quotes yaml.Style) string {
	switch typed := value.(type) {
	case map[string]any:
		var entries []string
		for _, key := range sortedKeys(typed) {
			if typed[key] != nil {
				entries = append(entries, s.key(key)+": "+s.Inline(typed[key], 0))
			}
		}
		return "{" + strings.Join(entries, ", ") + "}"
	case []any:
		elements := make([]string, len(typed))
		for i, element := range typed {
			elements[i] = s.Inline(element, 0)
		}
		return "[" + strings.Join(elements, ", ") + "]"
	case string:
		return s.text(typed, quotes)
	case float64:
		if typed == math.Trunc(typed) && math.Abs(typed) < 1<<53 {
			return strconv.FormatInt(int64(typed), 10)
		}
		return strconv.FormatFloat(typed, 'g', -1, 64)
	case nil:
		return "null"
	default:
		return fmt.Sprint(typed)
	}
}

// literal is a text of several lines as "|"; where that cannot hold it, and for other values, it is as inline has it.
func (s PageStyle) literal(value any, indent int) string {
	text, _ := value.(string)
	if !isLines(value) || strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\n") ||
		strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == '\u0085' || r == '\u2028' || r == '\u2029' }) {
		return s.Inline(value, 0)
	}
	body := strings.TrimRight(text, "\n")
	header := "|+"
	switch len(text) - len(body) {
	case 0:
		header = "|-"
	case 1:
		header = "|"
	}
	lines := []string{header}
	for line := range strings.SplitSeq(body+strings.Repeat("\n", max(len(text)-len(body)-1, 0)), "\n") {
		if line != "" {
			line = strings.Repeat(" ", indent) + line
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, s.LineEnd)
}

// text is a text on one line, plain where it is plain text to every YAML, else in quotes.
func (s PageStyle) text(text string, quotes yaml.Style) string {
	switch {
	case s.Json || quotes&yaml.DoubleQuotedStyle != 0:
		return doubleQuoted(text)
	case quotes&yaml.SingleQuotedStyle != 0 && isPrintable(text):
		return singleQuoted(text)
	case isPlain(text):
		return text
	case strings.ContainsAny(text, `"\`) && isPrintable(text):
		return singleQuoted(text)
	default:
		return doubleQuoted(text)
	}
}

var plainForm = regexp.MustCompile(`^[A-Za-z0-9_/.][A-Za-z0-9_/.-]*$`)

// isPlain reports whether a text needs no quotes, in flow collections neither, and is not taken for a number or a boolean.
func isPlain(text string) bool {
	node := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	_, oldBool := oldBoolean(node)
	return plainForm.MatchString(text) && node.ShortTag() == "!!str" && !oldBool
}

func isPrintable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) })
}

func singleQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func doubleQuoted(text string) string {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // cannot fail for a string
	return strings.TrimSpace(quoted.String())
}
