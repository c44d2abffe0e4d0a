package manifest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// fileText is a file's text with its changed documents.
func (e *editing) fileText(f *file) []byte {
	var text []byte
	position := 0
	for _, d := range f.documents {
		text = append(text, f.text[position:d.start]...)
		text = append(text, e.text(d)...)
		position = d.end
	}
	return append(text, f.text[position:]...)
}

// fileChanges are the files whose texts have changed, in their order, and the new ones.
func (e *editing) fileChanges() ([]FileChange, error) {
	var changes []FileChange
	after := map[*file][]byte{}
	for _, f := range e.manifests.files {
		after[f] = e.fileText(f)
	}
	var created []FileChange
	for _, creation := range e.created {
		beside := creation.beside
		document := documentOf(creation.object, beside)
		if beside != nil && takesDocuments(beside.text) {
			after[beside] = appendDocument(after[beside], document)
			continue
		}
		path := newFileFor(creation.object, beside)
		if _, err := os.Lstat(path); err == nil {
			return nil, &Error{File: path, Message: fmt.Sprintf("the file is there already; move it away, %s goes there", plan.Name(creation.object))}
		}
		created = append(created, FileChange{Path: path, After: document})
	}
	written := map[string][]byte{} // by the path without links
	for _, f := range e.manifests.files {
		if bytes.Equal(after[f], f.text) {
			continue
		}
		if f.utf16 {
			return nil, &Error{File: f.path, Message: "the file is UTF-16, and is changed in place only as UTF-8; save it as that"}
		}
		if !f.inPlace {
			return nil, &Error{File: f.path, Message: "this is not a file that can be changed in place; write the manifests to a file and give its path"}
		}
		folders := append([]string{f.folder}, e.manifests.folders...)
		if target, err := filepath.EvalSymlinks(f.path); err == nil {
			if err := staysIn(f.path, target, folders); err != nil {
				return nil, err
			}
			if before, again := written[target]; again && bytes.Equal(before, after[f]) {
				continue
			}
			written[target] = after[f]
		}
		changes = append(changes, FileChange{Path: f.path, Before: f.text, After: after[f], folders: folders})
	}
	return slices.Concat(changes, created), nil
}
