package yamltext

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxRounds bounds how often one document is changed: far more than any plan needs.
const maxRounds = 2000

// splice replaces a piece of text.
type splice struct {
	from, to int
	text     string
}

// Rewrite changes a document's text until its value is the wanted one, a small splice of each item of a list of objects at a
// time; what is the same already is not touched. The text is parsed again after every round, so that what comes out is known to
// be right or an error.
func Rewrite(text []byte, want any) ([]byte, error) {
	for range maxRounds {
		page, err := NewPage(text)
		if err != nil {
			return nil, err
		}
		have, err := ToValue(page.root, len(text))
		if err != nil {
			return nil, err
		}
		splices := page.differences(have, want)
		switch {
		case page.err != nil:
			return nil, page.err
		case len(splices) == 0:
			return text, nil
		}
		text = spliced(text, splices)
	}
	return nil, &ValueError{1, "it takes too many changes"}
}

// differences are splices that make the document's value more like the wanted one: one of each item of a list of objects that
// keeps its length, else one alone. They are in the order of the text and do not touch each other.
func (p *page) differences(have, want any) []splice {
	root := p.rootPlace()
	if list, haveItems, wantItems, ok := p.itemsToChange(root, have, want); ok {
		var splices []splice
		for i := range haveItems {
			next, differs := p.difference(p.itemPlace(list, i), haveItems[i], wantItems[i])
			if differs && (len(splices) == 0 || splices[len(splices)-1].to < next.from) {
				splices = append(splices, next)
			}
		}
		if len(splices) > 0 {
			return splices
		}
	}
	if next, differs := p.difference(root, have, want); differs {
		return []splice{next}
	}
	return nil
}

// itemsToChange is the list of a document that is a list of objects, where none of them comes or goes.
func (p *page) itemsToChange(root place, have, want any) (list place, haveItems, wantItems []any, ok bool) {
	key, items := FindStep(root.node, "items")
	haveFields, _ := have.(map[string]any)
	wantFields, _ := want.(map[string]any)
	haveItems, isList := haveFields["items"].([]any)
	wantItems, wantList := wantFields["items"].([]any)
	if items == nil || items.Kind != yaml.SequenceNode || items.Anchor != "" || !isList || !wantList || len(haveItems) != len(wantItems) || Same(have, want) {
		return list, nil, nil, false
	}
	return p.valuePlace(root, pair{key, items}), haveItems, wantItems, true
}

// spliced is a text with pieces replaced.
func spliced(text []byte, splices []splice) []byte {
	var after []byte
	position := 0
	for _, next := range splices {
		after = append(append(after, text[position:next.from]...), next.text...)
		position = next.to
	}
	return append(after, text[position:]...)
}

// Same reports whether two values are equal to the API server: numbers by value, and null is as good as not there.
func Same(a, b any) bool {
	switch left := a.(type) {
	case map[string]any:
		right, ok := b.(map[string]any)
		if !ok {
			return false
		}
		for key, value := range left {
			if !Same(value, right[key]) {
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
		return ok && slices.EqualFunc(left, right, Same)
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
	if Same(have, want) || p.err != nil {
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
		return splice{at.after, at.after, " " + p.Style.Inline(want, 0)}
	case isCollection(node) && !isFlow(node):
		return splice{at.after, end, " " + p.Style.Inline(want, 0)}
	case !at.flow && isLines(want):
		return splice{p.start(node), end, p.Style.literal(want, at.indent+p.Style.Step)}
	default:
		return splice{p.start(node), end, p.Style.Inline(want, node.Style)}
	}
}

func isLines(value any) bool {
	text, isText := value.(string)
	return isText && strings.Contains(text, "\n")
}

// below is a filled collection as it stands behind a key or dash of a block.
func (p *page) below(at place, want any) string {
	if at.item {
		return " " + strings.TrimLeft(p.Style.Block(want, at.indent+2), " ")
	}
	_, isList := want.([]any)
	indent := at.indent + p.Style.Step
	if isList && p.Style.Compact {
		indent = at.indent
	}
	return p.Style.LineEnd + p.Style.Block(want, indent)
}

// isFilled reports whether a value is a collection with something in it.
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
