package manifest

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// NotInFiles is the Gap of a snapshot of files that are not the whole cluster: what they do not have may be there all the
// same.
var NotInFiles = mesh.Gap{Reason: mesh.NotInFiles}

// Manifests are the objects of files, and the files' texts.
type Manifests struct {
	// Objects are those of kinds that the model reads, in the order of the files.
	Objects []mesh.Sourced
	// Others is the number of Kubernetes objects of kinds that the model does not read, Unread those of them that make pods.
	Others int
	Unread []mesh.UnreadWorkload
	// Files is the number of files that were read, Documents that of the objects and lists of objects in them.
	Files, Documents int
	// Notes say what was passed over and why, and what is there twice: one sentence each.
	Notes []string

	// folders are the directories that the user named.
	folders []string
	files   []*file
	places  map[mesh.Key]object
}

// Load reads manifests. Objects of namespaced kinds that do not say theirs get the namespace given. The error joins an
// *Error for each fault of each file; there are no Manifests then.
func Load(sources Sources, namespace string) (*Manifests, error) {
	files, err := sources.open()
	if err != nil {
		return nil, err
	}
	m := &Manifests{Files: len(files), files: files, folders: sources.folders(), places: map[mesh.Key]object{}}
	var documents []*document
	for _, file := range files {
		if !file.named && file.isTemplate() && file.inChart() {
			m.noteTemplate(file)
			continue
		}
		file.split()
		documents = append(documents, file.documents...)
	}
	var faults []error
	for i, result := range decodeAll(documents, namespace) {
		if result.err != nil {
			faults = append(faults, m.passOver(documents[i], result.err))
			continue
		}
		if result.objects != nil {
			m.Documents++
		}
		m.add(result.objects)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return m, nil
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

// passOver makes a note of a fault that only says that a file of a directory is not meant: other YAML, or a template.
func (m *Manifests) passOver(d *document, err error) error {
	var other *notKubernetesError
	switch named := d.file.named; {
	case d.file.isTemplate() && !named:
		d.passedOver = true
		m.noteTemplate(d.file)
		return nil
	case d.file.isTemplate():
		return fmt.Errorf("%w (this looks like a Helm template: render it with helm template and check what comes out)", err)
	case errors.As(err, &other) && !named:
		d.passedOver = true
		m.note("%s was passed over: %s", d.file.path, other.fault.Message)
		return nil
	default:
		return err
	}
}

func (m *Manifests) noteTemplate(f *file) {
	m.note("%s was passed over: it is a Helm template; render it with helm template and check what comes out", f.path)
}

// note adds a sentence, once: a template has many documents.
func (m *Manifests) note(format string, arguments ...any) {
	note := fmt.Sprintf(format, arguments...)
	if len(m.Notes) == 0 || m.Notes[len(m.Notes)-1] != note {
		m.Notes = append(m.Notes, note)
	}
}

func (m *Manifests) add(objects []object) {
	for _, found := range objects {
		if found.typed == nil {
			m.Others++
			if found.unread != nil {
				m.Unread = append(m.Unread, *found.unread)
			}
			continue
		}
		if earlier, twice := m.places[found.key]; twice {
			m.note("%s is there twice, at %s:%d and %s:%d; the second one counts",
				found.key, earlier.document.file.path, earlier.line, found.document.file.path, found.line)
		}
		m.places[found.key] = found
		m.Objects = append(m.Objects, mesh.Sourced{Object: found.typed, Source: found.source()})
	}
}

// Snapshot is the objects as a mesh. With selfContained the files are the whole cluster; else what they do not have is
// unknown.
func (m *Manifests) Snapshot(selfContained bool, options mesh.Options) *mesh.Snapshot {
	if !selfContained {
		options.Gaps = append(options.Gaps[:len(options.Gaps):len(options.Gaps)], NotInFiles)
	}
	options.Unread = m.Unread
	return mesh.New(m.Objects, options)
}
