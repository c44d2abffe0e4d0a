package manifest

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest/yamltext"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// ownerAnnotation says on objects of our own which workload they are for: kind/namespace/name.
const ownerAnnotation = "grpcexpose/for"

// fileFor is the file to which a new object goes: that of the workload it is for, else that of the last object of its
// namespace, else the last one; nil where none can be edited in place.
func (m *Manifests) fileFor(created *unstructured.Unstructured) *file {
	var inNamespace, last *file
	for _, sourced := range m.Objects {
		key := mesh.KeyOf(sourced.Object)
		home := m.places[key][0].document.file
		if !home.inPlace {
			continue
		}
		if isFor(created, key) {
			return home
		}
		last = home
		if key.Namespace == created.GetNamespace() {
			inNamespace = home
		}
	}
	if inNamespace != nil {
		return inNamespace
	}
	return last
}

func isFor(created *unstructured.Unstructured, key mesh.Key) bool {
	owner := created.GetAnnotations()[ownerAnnotation]
	return owner != "" && strings.EqualFold(owner, string(key.Kind)+"/"+key.Namespace+"/"+key.Name)
}

// documentOf is a new object as the text of a document, without a separator. It is written as the documents beside it are.
func documentOf(created *unstructured.Unstructured, beside *file) []byte {
	style := yamltext.PageStyle{LineEnd: "\n", Compact: true, Step: 2}
	if beside != nil && len(beside.documents) > 0 {
		if page, err := yamltext.NewPage(beside.documents[0].text()); err == nil {
			style = page.Style
			style.Json = false
		}
	}
	return []byte(style.Block(created.Object, 0) + style.LineEnd)
}

// takesDocuments says whether documents can be put at the end of a text: JSON that people keep as JSON stays one value.
func takesDocuments(text []byte) bool {
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	return len(trimmed) == 0 || trimmed[0] != '{'
}

// newFileFor is the path of a file of its own for a new object, in the directory of the files beside it.
func newFileFor(created *unstructured.Unstructured, beside *file) string {
	name := created.GetName() + "-" + strings.ToLower(created.GetKind()) + ".yaml"
	if beside == nil {
		return name
	}
	return filepath.Join(filepath.Dir(beside.path), name)
}

// appendDocument puts a document at the end of a text, which stays as it is: both may be parts of a file's text.
func appendDocument(text, document []byte) []byte {
	if len(text) == 0 {
		return bytes.Clone(document)
	}
	text = slices.Clip(text)
	lineEnd := "\n"
	if bytes.Contains(text, []byte("\r\n")) {
		lineEnd = "\r\n"
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, lineEnd...)
	}
	if !endsWithSeparator(text) {
		text = append(text, "---"+lineEnd...)
	}
	return append(text, document...)
}

// endsWithSeparator says that the text's last line with anything on it is "---".
func endsWithSeparator(text []byte) bool {
	trimmed := bytes.TrimRight(text, " \t\r\n")
	return bytes.Equal(trimmed, []byte("---")) || bytes.HasSuffix(trimmed, []byte("\n---"))
}
