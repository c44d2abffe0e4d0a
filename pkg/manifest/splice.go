package manifest

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSplices bounds how often one document is changed: far more than any plan needs.
const maxSplices = 2000

// splice replaces a piece of text.
type splice struct {
	from, to int
	text     string
}

// rewrite changes a document's text until its value is the wanted one, a small splice at a time; what is the same already is
// not touched. The text is parsed again after every splice, so that what comes out is known to be right or an error.
func rewrite(text []byte, want any) ([]byte, error) {
	for range maxSplices {
		page, err := newPage(text)
		if err != nil {
			return nil, err
		}
		have, err := toValue(page.root, len(text))
		if err != nil {
			return nil, err
		}
		next, differs := page.difference(page.rootPlace(), have, want)
		switch {
		case page.err != nil:
			return nil, page.err
		case !differs:
			return text, nil
		}
		text = slices.Concat(text[:next.from], []byte(next.text), text[next.to:])
	}
	return nil, &valueError{1, "it takes too many changes"}
}

// same says that two values are equal to the API server: numbers by value, and null is as good as not there.
func same(a, b any) bool {
	switch left := a.(type) {
	case map[string]any:
		right, ok := b.(map[string]any)
		if !ok {
			return false
		}
		for key, value := range left {
			if !same(value, right[key]) {
				return false
			}
		}
		for key, value := range right {
			if _, there := left[key]; !there && value != nil {
				return false
			}
		}
		return true
	case []any:
		right, ok := b.([]any)
		return ok && slices.EqualFunc(left, right, same)
	default:
		return a == b || isNumber(a) && isNumber(b) && number(a) == number(b)
	}
}

func isNumber(value any) bool {
	switch value.(type) {
	case int64, float64, int, int32:
		return true
	default:
		return false
	}
}

func number(value any) float64 {
	switch typed := value.(type) {
	case int64:
		return float64(typed)
	case int32:
		return float64(typed)
	case int:
		return float64(typed)
	case float64:
		return typed
	default:
		return 0
	}
}

// difference is the first splice that makes a value more like the wanted one.
func (p *page) difference(at place, have, want any) (next splice, differs bool) {
	if same(have, want) || p.err != nil {
		return splice{}, false
	}
	node := at.node
	if node.Kind == yaml.AliasNode || node.Anchor != "" {
		p.fail(node, "the value is shared through a YAML anchor")
		return splice{}, false
	}
	haveFields, isMapping := have.(map[string]any)
	wantFields, wantMapping := want.(map[string]any)
	if isMapping && wantMapping && len(node.Content) > 0 && len(wantFields) > 0 {
		return p.mappingDifference(at, haveFields, wantFields)
	}
	haveItems, isList := have.([]any)
	wantItems, wantList := want.([]any)
	if isList && wantList && len(node.Content) > 0 && len(wantItems) > 0 {
		return p.listDifference(at, haveItems, wantItems)
	}
	return p.replace(at, want), true
}

func (p *page) mappingDifference(at place, have, want map[string]any) (splice, bool) {
	pairs, _ := ownPairs(at.node)
	own := make(map[string]bool, len(pairs))
	for i, pair := range pairs {
		key := pair.key.Value
		own[key] = true
		switch {
		case same(have[key], want[key]):
		case want[key] == nil:
			return p.removeEntry(at, pairs, i), true
		default:
			return p.difference(p.valuePlace(at, pair), have[key], want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !own[key] && !same(have[key], want[key]) {
			return p.insertEntry(at, key, want[key]), true
		}
	}
	p.fail(at.node, "a field that is to go comes from a YAML merge key")
	return splice{}, false
}

// listDifference leaves the elements at the begin and the end alone that stay, and changes, adds or removes in between.
func (p *page) listDifference(at place, have, want []any) (splice, bool) {
	begin := 0
	for begin < min(len(have), len(want)) && same(have[begin], want[begin]) {
		begin++
	}
	end := 0
	for end < min(len(have), len(want))-begin && same(have[len(have)-1-end], want[len(want)-1-end]) {
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

// replace puts another value in a value's place.
func (p *page) replace(at place, want any) splice {
	node := at.node
	if node == p.root {
		p.fail(node, "it is not an object with fields")
		return splice{}
	}
	end := p.end(at)
	switch absent := p.isAbsent(node); {
	case !at.flow && isFilled(want) && (absent || !isFlow(node)):
		if absent {
			end = p.lineEndAt(at.after)
			return splice{end, end, p.below(at, want)}
		}
		return splice{at.after, end, p.below(at, want)}
	case absent:
		return splice{at.after, at.after, " " + p.style.inline(want, 0)}
	case isCollection(node) && !isFlow(node):
		return splice{at.after, end, " " + p.style.inline(want, 0)}
	case !at.flow && isLines(want):
		return splice{p.start(node), end, p.style.literal(want, at.indent+p.style.step)}
	default:
		return splice{p.start(node), end, p.style.inline(want, node.Style)}
	}
}

func isLines(value any) bool {
	text, isText := value.(string)
	return isText && strings.Contains(text, "\n")
}

// below is a filled collection as it stands behind a key or dash of a block.
func (p *page) below(at place, want any) string {
	if at.item {
		return " " + strings.TrimLeft(p.style.block(want, at.indent+2), " ")
	}
	_, isList := want.([]any)
	indent := at.indent + p.style.step
	if isList && p.style.compact {
		indent = at.indent
	}
	return p.style.lineEnd + p.style.block(want, indent)
}

// isFilled says that a value is a collection with something in it.
func isFilled(value any) bool {
	switch typed := value.(type) {
	case map[string]any:
		return len(typed) > 0
	case []any:
		return len(typed) > 0
	default:
		return false
	}
}

func (p *page) insertEntry(at place, key string, value any) splice {
	content := at.node.Content
	lastKey, lastValue := content[len(content)-2], content[len(content)-1]
	last := p.valuePlace(at, pair{lastKey, lastValue})
	end := p.end(last)
	if last.flow {
		entry := p.style.key(key) + p.colonStyle(last) + p.style.inline(value, 0)
		return splice{end, end, p.flowSeparator(at, lastKey) + entry}
	}
	end = p.lineEndAt(end)
	return splice{end, end, p.style.lineEnd + p.style.entry(key, value, lastKey.Column-1)}
}

// colonStyle is the colon as the entry at a place has it: JSON may be written without blanks.
func (p *page) colonStyle(entry place) string {
	if entry.after < len(p.text) && p.style.json && p.text[entry.after] != ' ' {
		return ":"
	}
	return ": "
}

// flowSeparator is what stands between the elements of a flow collection: a comma, and a new line where they have lines of
// their own.
func (p *page) flowSeparator(at place, last *yaml.Node) string {
	if last.Line == at.node.Line {
		if end := p.start(last); len(at.node.Content) > 2 && p.style.json && p.text[end-1] == ',' {
			return ","
		}
		return ", "
	}
	line := p.lineAt(p.start(last))
	indent := len(p.text[line:]) - len(bytes.TrimLeft(p.text[line:], " \t"))
	return "," + p.style.lineEnd + string(p.text[line:line+indent])
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
	if to == len(p.text) && p.lineEndAt(from) != from && lineBreak(p.text[p.lineEndAt(p.trimmedEnd()):]) == 0 {
		from = len(bytes.TrimRight(p.text[:from], "\r\n"))
	}
	return splice{from, to, ""}
}

// trimmedEnd is the end of the text without the line ends behind it.
func (p *page) trimmedEnd() int { return len(bytes.TrimRight(p.text, "\r\n")) }

func (p *page) insertItem(at place, index int, value any) splice {
	content := at.node.Content
	if at.flow || isFlow(at.node) {
		if index == 0 {
			first := p.start(content[0])
			return splice{first, first, p.style.inline(value, 0) + ", "}
		}
		end := p.end(p.itemPlace(at, index-1))
		return splice{end, end, p.flowSeparator(at, content[index-1]) + p.style.inline(value, 0)}
	}
	column := at.node.Column - 1
	item := strings.Repeat(" ", column) + "- " + strings.TrimLeft(p.style.value(value, column+2), " ")
	if index == 0 {
		line := p.lineAt(p.itemPlace(at, 0).after - 1)
		if !p.isBlank(line, line+column) {
			p.fail(at.node, "the list begins within another list")
		}
		return splice{line, line, item + p.style.lineEnd}
	}
	end := p.lineEndAt(p.end(p.itemPlace(at, index-1)))
	return splice{end, end, p.style.lineEnd + item}
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
