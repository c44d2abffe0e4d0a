package mesh

import (
	"cmp"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Snapshot is a set of objects with where each came from and what could not be read. It does not change once made, but for what
// its methods remember of what they have worked out. Several goroutines may ask at once.
type Snapshot struct {
	// byKind are the objects of each kind, by namespace and name.
	byKind  map[Kind][]Sourced
	options Options

	onRead func(Kind)
	// parent is the Snapshot of which this one is a part, nil for one that is none.
	parent *Snapshot
	// memories are those of Remember: functions that give what was computed, by key.
	memories sync.Map
}

// Options is what a Snapshot is told beside its objects.
type Options struct {
	// Now is the time at which the objects are judged; only certificates have a use for it.
	Now time.Time
	// Gaps are the objects that may exist but are not in the Snapshot.
	Gaps []Gap
	// Unread are workloads of kinds that the model does not read.
	Unread []UnreadWorkload
	// GRPCPorts are ports that the user says are gRPC (--grpc-port).
	GRPCPorts []GRPCPort
	// OnRead, if set, is called with each kind that a question to the Snapshot rests on, by several goroutines at once.
	OnRead func(Kind)
}

// GRPCPort is a port, by name or number, of the Services and workloads of a name.
type GRPCPort struct{ Name, Port string }

// Source is where an object was read.
type Source struct {
	// File is a path or URL, empty for an object of a cluster.
	File string
	// Line is the first line of the object in File, from 1.
	Line int
	// LineOf gives the line of a field (spec, ports, 0, name), or of the nearest field above it that is there; may be nil.
	LineOf func(field []string) int
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
	s := &Snapshot{byKind: map[Kind][]Sourced{}, options: options, onRead: options.OnRead}
	objects, s.options.Gaps = withoutTooLarge(objects, options.Gaps)
	complete := make([]Sourced, 0, len(objects))
	for _, sourced := range objects {
		complete = append(complete, Sourced{Object: withDefaults(sourced.Object), Source: sourced.Source})
	}
	s.add(complete)
	return s
}

// add puts the objects into a Snapshot that has none.
func (s *Snapshot) add(objects []Sourced) {
	counts := map[Kind]int{}
	for _, sourced := range objects {
		kind, _ := KindOfObject(sourced.Object)
		counts[kind]++
	}
	for _, sourced := range objects {
		kind, _ := KindOfObject(sourced.Object)
		if s.byKind[kind] == nil {
			s.byKind[kind] = make([]Sourced, 0, counts[kind])
		}
		s.byKind[kind] = append(s.byKind[kind], sourced)
	}
	for kind, ofKind := range s.byKind {
		s.byKind[kind] = inOrder(ofKind)
	}
}

// Whole is the Snapshot of which this one is a part, or itself: what is remembered there counts for all parts.
func (s *Snapshot) Whole() *Snapshot {
	if s.parent != nil {
		return s.parent.Whole()
	}
	return s
}

// withoutTooLarge leaves out what is too large to be read, and says so in the gaps.
func withoutTooLarge(objects []Sourced, gaps []Gap) ([]Sourced, []Gap) {
	isTooLarge := func(sourced Sourced) bool { return tooLarge(sourced.Object) != "" }
	if !slices.ContainsFunc(objects, isTooLarge) {
		return objects, gaps
	}
	kept := make([]Sourced, 0, len(objects))
	gaps = slices.Clone(gaps)
	for _, sourced := range objects {
		reason := tooLarge(sourced.Object)
		if reason == "" {
			kept = append(kept, sourced)
			continue
		}
		key := KeyOf(sourced.Object)
		gaps = append(gaps, Gap{Kind: key.Kind, Namespace: key.Namespace, Name: key.Name, Reason: reason, tooLarge: true})
	}
	return kept, gaps
}

// inOrder sorts objects of a kind by namespace and name; of those of the same name the last stays. Lists come almost in order.
func inOrder(objects []Sourced) []Sourced {
	byName := func(a, b Sourced) int { return compareName(a.Object, b.Object.GetNamespace(), b.Object.GetName()) }
	slices.SortStableFunc(objects, byName)
	kept := objects[:0]
	for i, sourced := range objects {
		if i+1 == len(objects) || byName(sourced, objects[i+1]) != 0 {
			kept = append(kept, sourced)
		}
	}
	return kept
}

func compareName(object Object, namespace, name string) int {
	return cmp.Or(cmp.Compare(object.GetNamespace(), namespace), cmp.Compare(object.GetName(), name))
}

func (s *Snapshot) find(key Key) (found Sourced, ok bool) {
	ofKind := s.byKind[key.Kind]
	at, ok := slices.BinarySearchFunc(ofKind, key, func(sourced Sourced, key Key) int {
		return compareName(sourced.Object, key.Namespace, key.Name)
	})
	if ok {
		found = ofKind[at]
	}
	return found, ok
}

// Change is how one Snapshot differs from the next.
type Change struct {
	// Put are objects that are new or replace those of the same identity.
	Put []Object
	// Removed are objects that are gone.
	Removed []Key
}

// With is the Snapshot after a change. The Snapshot itself stays as it is.
func (s *Snapshot) With(change Change) *Snapshot {
	removed := make(map[Key]bool, len(change.Removed))
	for _, key := range change.Removed {
		removed[key] = true
	}
	objects := make([]Sourced, 0, s.Len()+len(change.Put))
	for _, ofKind := range s.byKind {
		for _, sourced := range ofKind {
			if !removed[KeyOf(sourced.Object)] {
				objects = append(objects, sourced)
			}
		}
	}
	for _, object := range change.Put {
		objects = append(objects, Sourced{Object: s.bornNow(object), Source: s.Source(object)})
	}
	return New(objects, s.options)
}

// bornNow gives an object that does not say its age that of the object that it replaces, and a new one that of the Snapshot:
// istiod prefers the older of two, and an object without age would be the oldest of all.
func (s *Snapshot) bornNow(object Object) Object {
	created := object.GetCreationTimestamp()
	if !created.IsZero() {
		return object
	}
	born := metav1.NewTime(s.options.Now)
	if replaced, known := s.find(KeyOf(object)); known {
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

// GRPCPorts are ports that the user says are gRPC.
func (s *Snapshot) GRPCPorts() []GRPCPort { return s.options.GRPCPorts }

// Source says where an object was read.
func (s *Snapshot) Source(object Object) Source {
	found, _ := s.find(KeyOf(object))
	return found.Source
}

// Find is the object of that identity, or nil.
func (s *Snapshot) Find(key Key) Object {
	s.Read(key.Kind)
	found, _ := s.find(key)
	return found.Object
}

// Objects are all objects of a kind, by namespace and name.
func (s *Snapshot) Objects(kind Kind) []Object {
	s.Read(kind)
	objects := make([]Object, 0, len(s.byKind[kind]))
	for _, sourced := range s.byKind[kind] {
		objects = append(objects, sourced.Object)
	}
	return objects
}

// Len is the number of objects.
func (s *Snapshot) Len() int {
	count := 0
	for _, ofKind := range s.byKind {
		count += len(ofKind)
	}
	return count
}

func (s *Snapshot) Read(kind Kind) {
	if s.onRead != nil {
		s.onRead(kind)
	}
}
