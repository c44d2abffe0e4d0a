package yamltext

import (
	"bytes"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

func (p *page) mappingDifference(at place, have, want map[string]any) (splice, bool) {
	pairs, _ := ownPairs(at.node)
	own := make(map[string]bool, len(pairs))
	for i, pair := range pairs {
		key := pair.key.Value
		own[key] = true
		switch {
		case Same(have[key], want[key]):
		case want[key] == nil:
			return p.removeEntry(at, pairs, i), true
		default:
			return p.difference(p.valuePlace(at, pair), have[key], want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !own[key] && !Same(have[key], want[key]) {
			return p.insertEntry(at, key, want[key]), true
		}
	}
	p.fail(at.node, "a field that is to go comes from a YAML merge key")
	return splice{}, false
}

func (p *page) insertEntry(at place, key string, value any) splice {
	content := at.node.Content
	lastKey, lastValue := content[len(content)-2], content[len(content)-1]
	last := p.valuePlace(at, pair{lastKey, lastValue})
	end := p.end(last)
	if last.flow {
		entry := p.Style.key(key) + p.colonStyle(last) + p.Style.Inline(value, 0)
		return splice{end, end, p.flowSeparator(at, lastKey) + entry}
	}
	end = p.lineEndAt(end)
	return splice{end, end, p.Style.LineEnd + p.Style.entry(key, value, lastKey.Column-1)}
}

// colonStyle is the colon as the entry at a place has it: JSON may be written without blanks.
func (p *page) colonStyle(entry place) string {
	if entry.after < len(p.text) && p.Style.Json && p.text[entry.after] != ' ' {
		return ":"
	}
	return ": "
}

// flowSeparator is what stands between the elements of a flow collection: a comma, and a new line where they have lines of
// their own.
func (p *page) flowSeparator(at place, last *yaml.Node) string {
	if last.Line == at.node.Line {
		if end := p.start(last); len(at.node.Content) > 2 && p.Style.Json && p.text[end-1] == ',' {
			return ","
		}
		return ", "
	}
	line := p.lineAt(p.start(last))
	indent := len(p.text[line:]) - len(bytes.TrimLeft(p.text[line:], " \t"))
	return "," + p.Style.LineEnd + string(p.text[line:line+indent])
}

func (p *page) removeEntry(at place, pairs []pair, index int) splice {
	removed := p.valuePlace(at, pairs[index])
	from, to := p.start(pairs[index].key), p.end(removed)
	if removed.flow {
		return p.removeFlow(from, to, index, len(pairs),
			func(i int) int { return p.start(pairs[i].key) },
			func(i int) int { return p.end(p.valuePlace(at, pairs[i])) })
	}
	if p.isBlank(p.lineAt(from), from) {
		return p.wholeLines(from, to)
	}
	// The first entry of a list's element stands behind the dash: the next one moves up, unless comments stand between.
	if index+1 == len(pairs) {
		p.fail(pairs[index].key, "the only field of an element cannot be removed")
		return splice{}
	}
	if next := p.start(pairs[index+1].key); p.isBlank(p.lineEndAt(to), next) {
		return splice{from, next, ""}
	}
	return splice{p.trimmed(p.lineAt(from), from), p.lineEndAt(to), ""}
}

// removeFlow removes an element with the comma that becomes needless.
func (p *page) removeFlow(from, to, index, count int, startOf, endOf func(int) int) splice {
	switch {
	case index+1 < count:
		return splice{from, startOf(index + 1), ""}
	case index > 0:
		return splice{endOf(index - 1), to, ""}
	default:
		return splice{from, to, ""}
	}
}

// wholeLines removes the lines of a piece of text, with the comment behind it.
func (p *page) wholeLines(from, to int) splice {
	from, to = p.lineAt(from), p.nextLineAt(to)
	if to == len(p.text) && !bytes.HasSuffix(p.text, []byte("\n")) {
		from = len(bytes.TrimRight(p.text[:from], "\r\n")) // what becomes the last line has no line end either
	}
	return splice{from, to, ""}
}
