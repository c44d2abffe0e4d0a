package manifest

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
	style pageStyle
	err   error
}

// pageStyle is how a document is written, so that what is added looks like the rest.
type pageStyle struct {
	// lineEnd is "\n" or "\r\n".
	lineEnd string
	// json puts quotes around every text.
	json bool
	// compact lists stand as deep as their key: kubectl writes them so.
	compact bool
	// step is by how many blanks a level is deeper than the one above.
	step int
}

func newPage(text []byte) (*page, error) {
	root, err := parseText(text)
	if err != nil {
		return nil, err
	}
	if root == nil {
		return nil, fmt.Errorf("the document is empty")
	}
	p := &page{text: text, lines: lineStarts(text), root: root, style: pageStyle{lineEnd: "\n", compact: true, step: 2}}
	if bytes.Contains(text, []byte("\r\n")) {
		p.style.lineEnd = "\r\n"
	}
	if pairs, _ := ownPairs(root); isFlow(root) && len(pairs) > 0 {
		p.style.json = pairs[0].key.Style&yaml.DoubleQuotedStyle != 0
	}
	p.style.learn(root)
	return p, nil
}

// learn takes the depth of lists and levels from the first ones that there are.
func (s *pageStyle) learn(node *yaml.Node) {
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
				s.compact, listSeen = deeper == 0, true
			case pair.value.Kind == yaml.MappingNode && !levelSeen:
				s.step, levelSeen = max(deeper, 1), true
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

// lineStarts are the offsets of the lines as YAML counts them: the library also ends a line at a lone carriage return and at
// Unicode's own line ends.
func lineStarts(text []byte) []int {
	starts := []int{0}
	for i := 0; i < len(text); i++ {
		if width := lineBreak(text[i:]); width > 0 {
			i += width - 1
			starts = append(starts, i+1)
		}
	}
	return starts
}

// lineBreak is the length of the line end that a text begins with, 0 if it begins with none.
func lineBreak(text []byte) int {
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
	for offset < len(p.text) && lineBreak(p.text[offset:]) == 0 {
		offset++
	}
	return offset
}

// nextLineAt is the offset at which the line after that of an offset begins, or the end of the text.
func (p *page) nextLineAt(offset int) int {
	end := p.lineEndAt(offset)
	return end + lineBreak(p.text[end:])
}

// isBlank says that there is nothing but blanks between two offsets.
func (p *page) isBlank(from, to int) bool {
	return from <= to && len(bytes.Trim(p.text[from:to], " \t\r\n")) == 0
}

func (p *page) fail(node *yaml.Node, reason string) int {
	if p.err == nil {
		p.err = &valueError{node.Line, reason}
	}
	return 0
}
