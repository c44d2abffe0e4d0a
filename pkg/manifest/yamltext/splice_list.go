package yamltext

import "strings"

// listDifference leaves the elements at the begin and the end alone that stay, and changes, adds or removes in between.
func (p *page) listDifference(at place, have, want []any) (splice, bool) {
	begin := 0
	for begin < min(len(have), len(want)) && Same(have[begin], want[begin]) {
		begin++
	}
	end := 0
	for end < min(len(have), len(want))-begin && Same(have[len(have)-1-end], want[len(want)-1-end]) {
		end++
	}
	switch {
	case len(have)-end == begin:
		return p.insertItem(at, begin, want[begin]), true
	case len(want)-end == begin:
		return p.removeItem(at, begin), true
	default:
		return p.difference(p.itemPlace(at, begin), have[begin], want[begin])
	}
}

func (p *page) insertItem(at place, index int, value any) splice {
	content := at.node.Content
	if at.flow || isFlow(at.node) {
		if index == 0 {
			first := p.start(content[0])
			return splice{first, first, p.Style.Inline(value, 0) + ", "}
		}
		end := p.end(p.itemPlace(at, index-1))
		return splice{end, end, p.flowSeparator(at, content[index-1]) + p.Style.Inline(value, 0)}
	}
	column := at.node.Column - 1
	item := strings.Repeat(" ", column) + "- " + strings.TrimLeft(p.Style.value(value, column+2), " ")
	if index == 0 {
		line := p.lineAt(p.itemPlace(at, 0).after - 1)
		if !p.isBlank(line, line+column) {
			p.fail(at.node, "the list begins within another list")
		}
		return splice{line, line, item + p.Style.LineEnd}
	}
	end := p.lineEndAt(p.end(p.itemPlace(at, index-1)))
	return splice{end, end, p.Style.LineEnd + item}
}

func (p *page) removeItem(at place, index int) splice {
	content := at.node.Content
	removed := p.itemPlace(at, index)
	if removed.flow {
		return p.removeFlow(p.start(content[index]), p.end(removed), index, len(content),
			func(i int) int { return p.start(content[i]) },
			func(i int) int { return p.end(p.itemPlace(at, i)) })
	}
	dash := removed.after - 1
	if p.err == nil && !p.isBlank(p.lineAt(dash), dash) {
		p.fail(at.node, "the list begins within another list")
	}
	return p.wholeLines(dash, p.end(removed))
}
