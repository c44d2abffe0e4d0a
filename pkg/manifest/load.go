package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// notInFiles is the Gap of a snapshot of files that are not the whole cluster: what they do not have may be there all the
// same.
var notInFiles = mesh.Gap{Reason: mesh.NotInFiles}

// Manifests are the objects of files, and the files' texts.
type Manifests struct {
	// Folder is the directory of the kustomization that the objects are built from; empty for files that are read as they are.
	Folder string
	// Objects are those of kinds that the model reads, in the order of the files.
	Objects []mesh.Sourced
	// Others is the number of Kubernetes objects of kinds that the model does not read, Unread those of them that make pods.
	Others int
	Unread []mesh.UnreadWorkload
	// Files is the number of files that were read, Documents that of the objects and lists of objects in them.
	Files, Documents int
	// Notes say what is there twice and what makes pods that are not read: one sentence each.
	Notes []string
	// Unreadable says what in the directories might be a manifest and could not be read, and why: an *Error each.
	Unreadable []error
	// Overlays are the objects of the kustomizations in the directories, each a mesh of its own.
	Overlays []*Manifests

	// folders are the directories that the user named.
	folders []string
	files   []*file
	// places are the documents that hold an object: several where they say the same.
	places map[mesh.Key][]object
	// differing are those of which several say different things.
	differing map[mesh.Key]bool
	gaps      []mesh.Gap
	// notRead counts the objects of kinds that are not read, by kind.
	notRead map[schema.GroupKind]int
	// templates are the files of which it was said that they are templates.
	templates map[*file]bool
}

// Load reads manifests. Objects of namespaced kinds that do not say theirs get the namespace given. The error joins an
// *Error for each fault of what the user named; there are no Manifests then.
func Load(sources Sources, namespace string) (*Manifests, error) {
	opened, err := sources.open()
	if err != nil {
		return nil, err
	}
	m := &Manifests{folders: sources.folders()}
	m.Unreadable = opened.unreadable
	for _, chart := range opened.charts {
		m.Unreadable = append(m.Unreadable, chartError(chart))
	}
	if err := m.read(opened.files, namespace); err != nil {
		return nil, err
	}
	for _, built := range opened.builds {
		overlay := &Manifests{Folder: built.path}
		if err := overlay.read([]*file{built}, namespace); err != nil {
			return nil, err
		}
		m.Overlays = append(m.Overlays, overlay)
		m.Unreadable = append(m.Unreadable, overlay.Unreadable...)
	}
	if len(opened.unreadable)+len(opened.charts) > 0 {
		m.gaps = append(m.gaps, notReadGap)
	}
	if sources.Strict {
		return m, errors.Join(m.Unreadable...)
	}
	return m, nil
}

// notReadGap is around what could not be read: nobody knows what it is about.
var notReadGap = mesh.Gap{Reason: "it may be in a file that could not be read"}

func (m *Manifests) read(files []*file, namespace string) error {
	m.Files, m.files, m.places = len(files), files, map[mesh.Key][]object{}
	m.differing, m.notRead, m.templates = map[mesh.Key]bool{}, map[schema.GroupKind]int{}, map[*file]bool{}
	var documents []*document
	for _, file := range files {
		if !file.named && !file.mayHoldObjects() {
			continue
		}
		if !file.generated {
			file.split()
		}
		documents = append(documents, file.documents...)
	}
	var faults []error
	for i, result := range decodeAll(documents, namespace) {
		if result.err != nil {
			faults = append(faults, m.passOver(documents[i], result))
			continue
		}
		if result.objects != nil {
			m.Documents++
		}
		m.add(result.objects)
	}
	m.leaveOutDiffering()
	m.noteNotRead()
	return errors.Join(faults...)
}

type decoded struct {
	objects []object
	err     error
}

// decodeAll decodes the documents on all processors; the results are in the documents' order.
func decodeAll(documents []*document, namespace string) []decoded {
	results := make([]decoded, len(documents))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(documents)) {
		workers.Go(func() {
			for i := range next {
				results[i].objects, results[i].err = documents[i].objects(namespace)
			}
		})
	}
	for i := range documents {
		next <- i
	}
	close(next)
	workers.Wait()
	return results
}

// passOver is the fault of a document whose file the user has named. One of a directory is passed over: in silence where it is
// plainly no manifest, else it is listed.
func (m *Manifests) passOver(d *document, result decoded) error {
	template := d.file.isTemplate()
	var other *notKubernetesError
	switch {
	case d.file.named && template:
		return fmt.Errorf("%w (this looks like a Helm template: render it with helm template and check what comes out)", result.err)
	case d.file.named:
		return result.err
	}
	d.passedOver = true
	switch {
	case errors.As(result.err, &other), !d.mayHoldObject():
		return nil
	case template && m.templates[d.file]:
		return nil
	case template:
		m.templates[d.file] = true
		result.err = fmt.Errorf("%w (this looks like a Helm template: render it with helm template and check what comes out)", result.err)
	}
	m.Unreadable = append(m.Unreadable, unjoined(result.err)...)
	known := false
	for _, object := range result.objects {
		if object.typed == nil && object.key.Name != "" {
			m.gaps = append(m.gaps, mesh.Gap{Kind: object.key.Kind, Namespace: object.key.Namespace, Name: object.key.Name, Reason: "it could not be read"})
			known = true
		}
	}
	if !known {
		m.gaps = append(m.gaps, notReadGap)
	}
	return nil
}

// unjoined are the errors that were joined to one.
func unjoined(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // what errors.Join gives
		return joined.Unwrap()
	}
	return []error{err}
}

func (m *Manifests) add(objects []object) {
	for _, found := range objects {
		if found.unread != nil {
			m.Unread = append(m.Unread, *found.unread)
		}
		if found.typed == nil {
			m.Others++
			m.notRead[found.groupKind]++
			continue
		}
		earlier := m.places[found.key]
		m.places[found.key] = append(earlier, found)
		switch {
		case len(earlier) == 0:
			m.Objects = append(m.Objects, mesh.Sourced{Object: found.typed, Source: found.source()})
		case !sameContent(earlier[0].typed, found.typed):
			m.differing[found.key] = true
		case found.item == wholeDocument:
			found.document.twin = true
		}
	}
}

func sameContent(a, b mesh.Object) bool {
	one, err := json.Marshal(a)
	if err != nil {
		return false
	}
	other, err := json.Marshal(b)
	return err == nil && bytes.Equal(one, other)
}

// leaveOutDiffering takes out what is there several times with different contents: nobody knows which one counts.
func (m *Manifests) leaveOutDiffering() {
	if len(m.differing) == 0 {
		return
	}
	m.Objects = slices.DeleteFunc(m.Objects, func(sourced mesh.Sourced) bool {
		key := mesh.KeyOf(sourced.Object)
		if !m.differing[key] {
			return false
		}
		first, second := m.places[key][0].source(), m.places[key][1].source()
		and, more := " and", ""
		if count := len(m.places[key]) - 2; count > 0 {
			and, more = ",", fmt.Sprintf(" and %d more", count)
		}
		m.Notes = append(m.Notes, fmt.Sprintf("%s is there several times with different contents, at %s:%d%s %s:%d%s; it is left out: name one of these files with -f",
			key, first.File, first.Line, and, second.File, second.Line, more))
		m.gaps = append(m.gaps, mesh.Gap{Kind: key.Kind, Namespace: key.Namespace, Name: key.Name, Reason: "it is there several times with different contents"})
		for _, place := range m.places[key] {
			place.document.twin = false
		}
		delete(m.places, key)
		return true
	})
}

// Snapshot is the objects as a mesh. With selfContained the files are the whole cluster; else what they do not have is
// unknown.
func (m *Manifests) Snapshot(selfContained bool, options mesh.Options) *mesh.Snapshot {
	if !selfContained {
		options.Gaps = append(options.Gaps[:len(options.Gaps):len(options.Gaps)], notInFiles)
	}
	options.Gaps = append(options.Gaps[:len(options.Gaps):len(options.Gaps)], m.gaps...)
	options.Unread = m.Unread
	return mesh.New(m.Objects, options)
}
