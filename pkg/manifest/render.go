package manifest

import (
	"bytes"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest/yamltext"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// Render is everything that the files hold as one YAML stream, with the plan's changes made and the objects that it creates at
// the end, but new Namespaces at the beginning: what is applied after them is in them. Comments are kept. Files of a directory
// that are no manifests are left out.
func (m *Manifests) Render(p plan.Plan) ([]byte, error) {
	e, err := m.edit(p.Changes)
	if err != nil {
		return nil, err
	}
	var out stream
	var last []creation
	for _, creation := range e.created {
		if creation.object.GetKind() == string(mesh.KindNamespace) {
			out.add(documentOf(creation.object, creation.beside))
		} else {
			last = append(last, creation)
		}
	}
	for _, f := range m.files {
		for _, d := range f.documents {
			if !d.passedOver && !d.twin {
				out.add(e.text(d))
			}
		}
	}
	for _, creation := range last {
		out.add(documentOf(creation.object, creation.beside))
	}
	return out.text, nil
}

// stream is YAML documents one after the other.
type stream struct{ text []byte }

// add puts a document behind the others, with a separator between if it does not bring its own.
func (s *stream) add(document []byte) {
	if isEmpty(document) {
		return
	}
	before, separated, content := prologue(yamltext.WithoutTabs(document))
	if len(s.text) > 0 {
		if !bytes.HasSuffix(s.text, []byte("\n")) {
			s.text = append(s.text, '\n')
		}
		if !separated {
			s.text = append(s.text, "---\n"...)
		}
	}
	s.text = append(append(s.text, before...), content...)
}

// prologue is what stands before a document's content, comments and the separator, as kubectl takes it: it knows no directives,
// and no separator with content on its line. Kubernetes' objects need none.
// Source: splitYAMLDocument and YAMLReader in k8s.io/apimachinery/pkg/util/yaml/decoder.go.
func prologue(document []byte) (before []byte, separated bool, content []byte) {
	offset := 0
	for line := range bytes.Lines(document) {
		trimmed := bytes.TrimSpace(line)
		switch {
		case isMarker(line, "---"):
			rest := bytes.TrimLeft(document[offset+len("---"):], " \t")
			if len(rest) == 0 || rest[0] == '#' || yamltext.LineBreak(rest) > 0 {
				return append(before, line...), true, document[offset+len(line):]
			}
			return append(before, "---\n"...), true, rest
		case len(trimmed) == 0 || trimmed[0] == '#':
			before = append(before, line...)
		case line[0] != '%':
			return before, false, document[offset:]
		}
		offset += len(line)
	}
	return before, false, nil
}
