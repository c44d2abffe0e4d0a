package yamltext

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// place is a value in a page: a node and what surrounds it.
type place struct {
	node *yaml.Node
	// flow says that the value stands within {} or [].
	flow bool
	// item says that the value is an element of a block list.
	item bool
	// indent is the column, from 0, of the key or dash that the value belongs to; -1 for the root.
	indent int
	// after is the offset behind that key's colon or that dash.
	after int
}

func (p *page) rootPlace() place {
	return place{node: p.root, flow: isFlow(p.root), indent: -1, after: p.start(p.root)}
}

// valuePlace is the place of a mapping's entry.
func (p *page) valuePlace(parent place, entry pair) place {
	return place{
		node: entry.value, flow: parent.flow || isFlow(parent.node), indent: entry.key.Column - 1, after: p.colon(entry.key),
	}
}

// itemPlace is the place of a list's element.
func (p *page) itemPlace(parent place, index int) place {
	element := parent.node.Content[index]
	if parent.flow || isFlow(parent.node) {
		return place{node: element, flow: true, indent: parent.indent, after: p.start(element)}
	}
	return place{node: element, item: true, indent: parent.node.Column - 1, after: p.dash(parent.node, element) + 1}
}

// dash is the offset of the "-" before an element of a block list: it may stand on a line above.
func (p *page) dash(list, element *yaml.Node) int {
	column := list.Column - 1
	for line := element.Line; line >= list.Line; line-- {
		offset := p.lines[line-1] + column
		end := p.start(element)
		if offset < len(p.text) && p.text[offset] == '-' && offset <= end && (line < element.Line || p.isBlank(offset+1, end)) {
			return offset
		}
	}
	return p.fail(element, "the dash of this element was not found")
}

// colon is the offset behind the colon of a key.
func (p *page) colon(key *yaml.Node) int {
	offset := p.scalarEnd(key, true)
	for offset < len(p.text) && (p.text[offset] == ' ' || p.text[offset] == '\t') {
		offset++
	}
	if offset >= len(p.text) || p.text[offset] != ':' {
		return p.fail(key, "the colon of this key was not found")
	}
	return offset + 1
}

// end is the offset behind the last character of a value.
func (p *page) end(value place) int {
	node := value.node
	switch {
	case p.isAbsent(node):
		return value.after
	case isFlow(node) && isCollection(node):
		return p.flowEnd(node)
	case isCollection(node) && len(node.Content) == 0:
		return p.fail(node, "an empty collection was not expected here")
	case node.Kind == yaml.SequenceNode:
		return p.end(p.itemPlace(value, len(node.Content)-1))
	case node.Kind == yaml.MappingNode:
		last := len(node.Content)
		return p.end(p.valuePlace(value, pair{node.Content[last-2], node.Content[last-1]}))
	case node.Kind == yaml.ScalarNode && node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return p.blockScalarEnd(value)
	case node.Kind == yaml.ScalarNode && node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 && !value.flow:
		return p.continued(p.scalarEnd(node, false), value.indent)
	default:
		return p.scalarEnd(node, value.flow)
	}
}

// isAbsent reports whether a null has no text of its own: "labels:" and nothing behind it.
func (p *page) isAbsent(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.Value == "" && node.Anchor == "" &&
		node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) == 0
}

// scalarEnd is the end of a scalar or alias that does not go on on another line, unless it is quoted. Plain text ends at a
// comment and at a colon with a blank behind it; within {} and [], and in keys there, at their commas and brackets too.
func (p *page) scalarEnd(node *yaml.Node, flow bool) int {
	offset := p.start(node)
	for offset < len(p.text) && (p.text[offset] == '&' || p.text[offset] == '!') {
		offset += len(p.text[offset:]) - len(bytes.TrimLeft(skipWord(p.text[offset:]), " \t"))
	}
	if offset >= len(p.text) {
		return p.fail(node, "its end was not found")
	}
	if quote := p.text[offset]; quote == '"' || quote == '\'' {
		return p.quotedEnd(offset)
	}
	end := offset
	for ; end < len(p.text) && LineBreak(p.text[end:]) == 0; end++ {
		switch c := p.text[end]; {
		case c == ':' && (end+1 == len(p.text) || bytes.IndexByte([]byte(" \t\r\n,]}"), p.text[end+1]) >= 0),
			c == '#' && end > offset && (p.text[end-1] == ' ' || p.text[end-1] == '\t'),
			flow && isFlowIndicator(c) && end > offset:
			return p.trimmed(offset, end)
		}
	}
	return p.trimmed(offset, end)
}

func isFlowIndicator(c byte) bool { return bytes.IndexByte([]byte(",[]{}"), c) >= 0 }

func skipWord(text []byte) []byte {
	if end := bytes.IndexAny(text, " \t\r\n"); end >= 0 {
		return text[end:]
	}
	return nil
}

func (p *page) trimmed(from, to int) int {
	return from + len(bytes.TrimRight(p.text[from:to], " \t"))
}

// quotedEnd is the offset behind the closing quote of the text that begins at an offset.
func (p *page) quotedEnd(offset int) int {
	quote := p.text[offset]
	for i := offset + 1; i < len(p.text); i++ {
		switch {
		case quote == '"' && p.text[i] == '\\':
			i++
		case p.text[i] != quote:
		case quote == '\'' && i+1 < len(p.text) && p.text[i+1] == '\'':
			i++
		default:
			return i + 1
		}
	}
	return len(p.text)
}

// continued is the end of plain text that ends its first line at end, with the deeper lines that belong to it.
func (p *page) continued(end, indent int) int {
	if p.lineEndAt(end) != end && !p.isBlank(end, p.lineEndAt(end)) {
		return end // a comment ends plain text
	}
	for line := p.nextLineAt(end); line < len(p.text); line = p.nextLineAt(line) {
		stop := p.lineEndAt(line)
		content := len(p.text[line:stop]) - len(bytes.TrimLeft(p.text[line:stop], " "))
		switch {
		case p.isBlank(line, stop):
		case content <= indent || p.text[line+content] == '#':
			return end
		default:
			end = p.trimmed(line, stop)
		}
	}
	return end
}

// blockScalarEnd is the end of the last line of a "|" or ">" text that is not blank.
func (p *page) blockScalarEnd(value place) int {
	end := p.lineEndAt(p.start(value.node))
	for line := p.nextLineAt(end); line < len(p.text); line = p.nextLineAt(line) {
		stop := p.lineEndAt(line)
		depth := len(p.text[line:stop]) - len(bytes.TrimLeft(p.text[line:stop], " "))
		switch {
		case p.isBlank(line, stop):
		case depth <= value.indent:
			return end
		default:
			end = stop
		}
		if stop == len(p.text) {
			break
		}
	}
	return end
}

// flowEnd is the offset behind the bracket that closes a flow collection.
func (p *page) flowEnd(node *yaml.Node) int {
	depth := 0
	for i := p.start(node); i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case (c == '"' || c == '\'') && p.beginsToken(i):
			i = p.quotedEnd(i) - 1
		case c == '#' && i > 0 && bytes.IndexByte([]byte(" \t\r\n"), p.text[i-1]) >= 0:
			i = p.lineEndAt(i)
		}
	}
	return p.fail(node, "its closing bracket was not found")
}

// beginsToken reports whether what stands at an offset is the begin of a token rather than the inside of plain text.
func (p *page) beginsToken(offset int) bool {
	return offset == 0 || bytes.IndexByte([]byte(" \t\r\n,:[{"), p.text[offset-1]) >= 0
}
