package manifest

import (
	"go.yaml.in/yaml/v3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest/yamltext"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// source says where the object stands. The document is parsed again for the first field that is asked for: only findings
// ask, and to keep the parsed form of every document would take many times the memory of the objects.
func (o object) source() mesh.Source {
	if o.document.file.generated {
		return o.document.origin.source()
	}
	return mesh.Source{File: o.document.file.path, Line: o.line, LineOf: func(path []string) int {
		node := o.node(o.document.root())
		if node == nil {
			return o.line
		}
		return o.document.fileLine(yamltext.LineOf(node, path))
	}}
}

func (o origin) source() mesh.Source {
	if o.object == nil {
		return mesh.Source{File: o.path}
	}
	return o.object.source()
}

// root is the document's content, parsed once and kept.
func (d *document) root() *yaml.Node {
	if d.parsed == nil {
		d.parsed, _ = d.parse() // it was parsed before without an error
	}
	return d.parsed
}

// node is the object's own in the document's content.
func (o object) node(root *yaml.Node) *yaml.Node {
	if root == nil || o.item == wholeDocument {
		return root
	}
	_, items := yamltext.FindStep(root, "items")
	if items == nil || items.Kind != yaml.SequenceNode || o.item >= len(items.Content) {
		return nil
	}
	return items.Content[o.item]
}

// parse gives the document's content, or nil for one that is empty. Lines and columns in it count from the start of the
// document.
func (d *document) parse() (*yaml.Node, error) { return yamltext.ParseText(d.text()) }
