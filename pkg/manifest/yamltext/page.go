package yamltext

import (
	"bytes"
	"fmt"
	"sort"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// page is the text of one document, and where its nodes stand in it. The YAML library says where a node begins; where it
// ends is found in the text. What goes wrong on the way is kept in err, and every offset after that is meaningless.
type page struct {
	text []byte
	// lines are the offsets at which lines begin.
	lines []int
	root  *yaml.Node
	Style PageStyle
	err   error
}

// PageStyle is how a document is written, so that what is added looks like the rest.
type PageStyle struct {
	// lineEnd is "\n" or "\r\n".
	LineEnd string
	// json puts quotes around every text.
	Json bool
	// compact lists stand as deep as their key: kubectl writes them so.
	Compact bool
	// step is by how many blanks a level is deeper than the one above.
	Step int
}

// NewPage reads the text of a document, to edit it.
func NewPage(text []byte) (*page, error) {
	root, err := ParseText(text)
	if err != nil {
		return nil, err
	}
	if root == nil {
		return nil, fmt.Errorf("the document is empty")
	}
	p := &page{text: text, lines: LineStarts(text), root: root, Style: PageStyle{LineEnd: "\n", Compact: true, Step: 2}}
	if bytes.Contains(text, []byte("\r\n")) {
		p.Style.LineEnd = "\r\n"
	}
	if pairs, _ := ownPairs(root); isFlow(root) && len(pairs) > 0 {
		p.Style.Json = pairs[0].key.Style&yaml.DoubleQuotedStyle != 0
	}
	p.Style.learn(root)
	return p, nil
}

// learn takes the depth of lists and levels from the first ones that there are.
func (s *PageStyle) learn(node *yaml.Node) {
	listSeen, levelSeen := false, false
	var visit func(node *yaml.Node)
	visit = func(node *yaml.Node) {
		if isFlow(node) || listSeen && levelSeen {
			return
		}
		if node.Kind == yaml.SequenceNode {
			for _, element := range node.Content {
				visit(element)
			}
			return
		}
		pairs, _ := ownPairs(node)
		for _, pair := range pairs {
			deeper := pair.value.Column - pair.key.Column
			switch {
			case isFlow(pair.value) || pair.value.Line == pair.key.Line:
			case pair.value.Kind == yaml.SequenceNode && !listSeen:
				s.Compact, listSeen = deeper == 0, true
			case pair.value.Kind == yaml.MappingNode && !levelSeen:
				s.Step, levelSeen = max(deeper, 1), true
			}
			visit(pair.value)
		}
	}
	if node.Kind == yaml.MappingNode || node.Kind == yaml.SequenceNode {
		visit(node)
	}
}

func isFlow(node *yaml.Node) bool { return node.Style&yaml.FlowStyle != 0 }

func isCollection(node *yaml.Node) bool {
	return node.Kind == yaml.MappingNode || node.Kind == yaml.SequenceNode
}

// LineStarts are the offsets of the lines as YAML counts them: the library also ends a line at a lone carriage return and at
// Unicode's own line ends.
func LineStarts(text []byte) []int {
	starts := []int{0}
	for i := 0; i < len(text); i++ {
		if width := LineBreak(text[i:]); width > 0 {
			i += width - 1
			starts = append(starts, i+1)
		}
	}
	return starts
}

// LineBreak is the length of the line end that a text begins with, 0 if it begins with none.
func LineBreak(text []byte) int {
	switch {
	case len(text) == 0:
		return 0
	case bytes.HasPrefix(text, []byte("\r\n")):
		return 2
	case text[0] == '\n' || text[0] == '\r':
		return 1
	case bytes.HasPrefix(text, []byte("\u0085")):
		return 2
	case bytes.HasPrefix(text, []byte("\u2028")) || bytes.HasPrefix(text, []byte("\u2029")):
		return 3
	default:
		return 0
	}
}

// start is the offset at which a node begins. The library counts columns in characters.
func (p *page) start(node *yaml.Node) int {
	if node.Line < 1 || node.Line > len(p.lines) {
		return p.fail(node, "its place in the text is not known")
	}
	offset := p.lines[node.Line-1]
	for column := 1; column < node.Column && offset < len(p.text); column++ {
		_, width := utf8.DecodeRune(p.text[offset:])
		offset += width
	}
	return offset
}

// lineAt is the offset at which the line of an offset begins.
func (p *page) lineAt(offset int) int {
	return p.lines[sort.SearchInts(p.lines, offset+1)-1]
}

// lineEndAt is the offset at which the line of an offset ends, before the line end.
func (p *page) lineEndAt(offset int) int {
	for offset < len(p.text) && LineBreak(p.text[offset:]) == 0 {
		offset++
	}
	return offset
}

// nextLineAt is the offset at which the line after that of an offset begins, or the end of the text.
func (p *page) nextLineAt(offset int) int {
	end := p.lineEndAt(offset)
	return end + LineBreak(p.text[end:])
}

// isBlank reports whether there is nothing but blanks between two offsets.
func (p *page) isBlank(from, to int) bool {
	return from <= to && len(bytes.Trim(p.text[from:to], " \t\r\n")) == 0
}

func (p *page) fail(node *yaml.Node, reason string) int {
	if p.err == nil {
		p.err = &ValueError{node.Line, reason}
	}
	return 0
}
