package mesh

import (
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Snapshot is a set of objects with where each came from and what could not be read. It does not change once made, but for what
// its methods remember of what they have worked out. Several goroutines may ask at once.
type Snapshot struct {
	objects map[Key]Sourced
	byKind  map[Kind][]Object
	options Options

	onRead func(Kind)
	// memories are those of Remember: functions that give what was computed, by key.
	memories sync.Map
}

// Options is what a Snapshot is told beside its objects.
type Options struct {
	// Now is the time at which the objects are judged; only certificates have a use for it.
	Now time.Time
	// Gaps are the objects that may exist but are not in the Snapshot.
	Gaps []Gap
	// OnRead, if set, is called with each kind that a question to the Snapshot rests on, by the goroutine that asks.
	OnRead func(Kind)
}

// Source is where an object was read.
type Source struct {
	// File is a path or URL, empty for an object of a cluster.
	File string
	// Line is the first line of the object in File, from 1.
	Line int
	// LineOf gives the line of a field (".spec.ports[0].name"), or of the nearest field above it that is there; may be nil.
	LineOf func(fieldPath string) int
	// Context is the kubeconfig context of the cluster that the object is in, where there are several.
	Context string
}

// Sourced is an object and where it was read.
type Sourced struct {
	Object Object
	Source Source
}

// New makes a Snapshot. Of two objects with the same kind, namespace and name the later one counts. Values that the API
// server would fill in are filled in.
func New(objects []Sourced, options Options) *Snapshot {
	s := &Snapshot{
		objects: make(map[Key]Sourced, len(objects)),
		byKind:  map[Kind][]Object{},
		options: options,
		onRead:  options.OnRead,
	}
	// Lists come almost sorted, which sorting makes use of.
	keys := make([]Key, 0, len(objects))
	for _, sourced := range objects {
		key := KeyOf(sourced.Object)
		if _, again := s.objects[key]; !again {
			keys = append(keys, key)
		}
		s.objects[key] = Sourced{Object: withDefaults(sourced.Object), Source: sourced.Source}
	}
	slices.SortFunc(keys, compareKeys)
	for _, key := range keys {
		s.byKind[key.Kind] = append(s.byKind[key.Kind], s.objects[key].Object)
	}
	return s
}

// Change is how one Snapshot differs from the next.
type Change struct {
	// Put are objects that are new or replace those of the same identity.
	Put []Object
	// Removed are objects that are gone.
	Removed []Key
	// Restarted are workloads whose pods are made anew, from their templates and by the injectors as they then are.
	Restarted []Key
}

// With is the Snapshot after a change. The Snapshot itself stays as it is.
func (s *Snapshot) With(change Change) *Snapshot {
	removed := make(map[Key]bool, len(change.Removed))
	for _, key := range change.Removed {
		removed[key] = true
	}
	objects := make([]Sourced, 0, len(s.objects)+len(change.Put))
	for key, sourced := range s.objects {
		if !removed[key] {
			objects = append(objects, sourced)
		}
	}
	for _, object := range change.Put {
		objects = append(objects, Sourced{Object: s.bornNow(object), Source: s.Source(object)})
	}
	next := New(objects, s.options)
	if len(change.Restarted) > 0 {
		next = New(append(objects, next.podsMadeAnew(change.Restarted)...), s.options)
	}
	return next
}

// bornNow gives an object that does not say its age that of the object that it replaces, and a new one that of the Snapshot:
// istiod prefers the older of two, and an object without age would be the oldest of all.
func (s *Snapshot) bornNow(object Object) Object {
	created := object.GetCreationTimestamp()
	if !created.IsZero() {
		return object
	}
	born := metav1.NewTime(s.options.Now)
	if replaced, known := s.objects[KeyOf(object)]; known {
		born = replaced.Object.GetCreationTimestamp()
	}
	if born.IsZero() {
		return object
	}
	aged := object.DeepCopyObject().(Object)
	aged.SetCreationTimestamp(born)
	return aged
}

// Now is the time at which the objects are judged.
func (s *Snapshot) Now() time.Time { return s.options.Now }

// Source says where an object was read.
func (s *Snapshot) Source(object Object) Source { return s.objects[KeyOf(object)].Source }

// Find is the object of that identity, or nil.
func (s *Snapshot) Find(key Key) Object {
	s.read(key.Kind)
	return s.objects[key].Object
}

// Objects are all objects of a kind, by namespace and name.
func (s *Snapshot) Objects(kind Kind) []Object {
	s.read(kind)
	return s.byKind[kind]
}

// Len is the number of objects.
func (s *Snapshot) Len() int { return len(s.objects) }

func (s *Snapshot) read(kind Kind) {
	if s.onRead != nil {
		s.onRead(kind)
	}
}
