package manifest

import (
	"bytes"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Most of what lies in a repository is no manifest, or one of a kind that is not read: its bytes tell that long before YAML's parser
// would.

// mayHoldObjects says that a file of a directory may hold an object: its text has the words for it.
func (f *file) mayHoldObjects() bool { return hasObjectWords(f.text) }

func (d *document) mayHoldObject() bool { return hasObjectWords(d.text()) }

func hasObjectWords(text []byte) bool {
	if bytes.Contains(text, []byte("apiVersion")) {
		return bytes.Contains(text, []byte("kind"))
	}
	return bytes.HasPrefix(text, []byte("kind:")) || bytes.Contains(text, []byte("\nkind:")) // the apiVersion may have been forgotten
}

// isPlainlyOther says that a document in block style is a list, or a mapping none of whose keys says a type.
func isPlainlyOther(text []byte) bool {
	for line := range bytes.Lines(text) {
		content := bytes.TrimLeft(line, " ")
		switch trimmed := bytes.TrimSpace(content); {
		case isMarker(line, "---"):
			if rest := bytes.TrimSpace(line[len("---"):]); len(rest) > 0 && rest[0] != '#' {
				return false
			}
			continue
		case len(trimmed) == 0 || trimmed[0] == '#' || line[0] == '%':
			continue
		}
		if content[0] == '-' && len(content) > 1 && content[1] == ' ' {
			return true
		}
		if first := content[0]; (first|0x20) < 'a' || (first|0x20) > 'z' {
			return false // braces, quotes, anchors: the parser shall tell
		}
		indent := string(line[:len(line)-len(content)])
		for _, key := range []string{"apiVersion", "kind"} {
			for _, form := range []string{key, `"` + key, "'" + key} {
				if bytes.HasPrefix(content, []byte(form)) || bytes.Contains(text, []byte("\n"+indent+form)) {
					return false
				}
			}
		}
		return !bytes.Contains(text, []byte("<<:")) // merge keys may bring them
	}
	return false
}

// typeAtAGlance is the type that a document in block style says on lines of its own; ok is false where it is not as plain as that.
func typeAtAGlance(text []byte) (gk schema.GroupKind, ok bool) {
	version, once := topLevel(text, "apiVersion:")
	if !once {
		return gk, false
	}
	kind, once := topLevel(text, "kind:")
	if !once {
		return gk, false
	}
	group, err := schema.ParseGroupVersion(version)
	return group.WithKind(kind).GroupKind(), err == nil
}

// topLevel is the value of a key that begins a line, where there is one such line with a plain value on it.
func topLevel(text []byte, key string) (value string, once bool) {
	line, found := []byte(nil), false
	for rest := text; ; {
		if bytes.HasPrefix(rest, []byte(key)) {
			if found {
				return "", false
			}
			line, found = rest, true
		}
		next := bytes.Index(rest, []byte("\n"+key))
		if next < 0 {
			break
		}
		rest = rest[next+1:]
		if found {
			return "", false
		}
		line, found = rest, true
		rest = rest[len(key):]
	}
	if !found {
		return "", false
	}
	line = line[len(key):]
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	if comment := bytes.Index(line, []byte(" #")); comment >= 0 {
		line = line[:comment]
	}
	value = strings.Trim(string(bytes.TrimSpace(line)), `"'`)
	return value, value != "" && !strings.ContainsAny(value, "{}[]&*!|>%@`$ \"'")
}

// atAGlance is the object of a document that nobody has named, if its bytes tell that nothing of it is read.
func (d *document) atAGlance() (found object, ok bool) {
	text := d.text()
	gk, ok := typeAtAGlance(text)
	if !ok || strings.HasSuffix(gk.Kind, "List") {
		return found, false
	}
	found = object{document: d, item: wholeDocument, line: d.firstLine, groupKind: gk}
	switch kind, read := mesh.KindOf(gk); {
	case kind == mesh.KindConfigMap:
		// Istio's settings are the ConfigMaps that are read, by names that begin with the word.
		return found, !bytes.Contains(text, []byte("istio")) && !hasAction(text)
	case read:
		return found, false
	}
	return found, !mayMakePods(gk, text) && !hasAction(text)
}

// hasAction says that something in a text looks as if it is yet to be filled in: a value, an element or a line of its own. Alerting
// rules and dashboards have braces elsewhere.
func hasAction(text []byte) bool {
	return slices.ContainsFunc(actionBegins, func(begin string) bool { return bytes.Contains(text, []byte(begin)) })
}

var actionBegins = []string{": {{", "- {{", "\n{{", "\n{%"}

var customResourceDefinition = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}

func mayMakePods(gk schema.GroupKind, text []byte) bool {
	return gk != customResourceDefinition && (operatorKinds[gk.Kind] || bytes.Contains(text, []byte("containers:")) || bytes.Contains(text, []byte("template:")))
}
