// Package fakeapi is an API server in memory, for tests of what the program does to a cluster: discovery, lists, watches,
// server-side apply with owners of fields, JSON patches, deletes, dry runs, RBAC, and as much of the controllers as a rollout
// needs. It keeps an account of every write. It has no admission but the little that Services need, and no versions to
// convert between.
package fakeapi

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// Server is one cluster. Its objects are never changed in place: a write stores another one.
type Server struct {
	// URL is where it listens, on loopback.
	URL string
	// Grants are what the user may do; nil means everything. It is set before the first request.
	Grants []Grant
	// Intercept, if set, is called first, and reports whether it has answered. It is set before the first request.
	Intercept func(w http.ResponseWriter, r *http.Request) bool

	closing chan struct{}

	mutex   sync.Mutex
	version int
	objects map[key]*unstructured.Unstructured
	kinds   map[schema.GroupResource]served
	history []event
	// changed is closed, and replaced, with every event.
	changed chan struct{}
	writes  []Write
}

type key struct {
	schema.GroupResource
	namespace, name string
}

// served is a kind and the versions of it that discovery names, the preferred one first.
type served struct {
	kind       string
	versions   []string
	namespaced bool
}

// event is what watches tell.
type event struct {
	version int
	kind    watch.EventType
	key     key
	object  *unstructured.Unstructured
}

// Write is a request that asked for a change.
type Write struct {
	// Verb is RBAC's: create, patch or delete.
	Verb string
	// Resource, Namespace and Name are of the object. For a Namespace, which its own tenants share, Namespace is its name.
	Resource        schema.GroupResource
	Namespace, Name string
	// DryRun ones stored nothing.
	DryRun bool
	// Code is what was answered.
	Code int
	// Before and After are the object as it was and as it became; nil where there was, or is, none.
	Before, After map[string]any
}

// New serves the objects until the test ends. Objects are shared with the caller, who does not change them afterwards.
func New(t testing.TB, objects ...*unstructured.Unstructured) *Server {
	t.Helper()
	s := &Server{
		closing: make(chan struct{}), changed: make(chan struct{}), version: firstVersion,
		objects: make(map[key]*unstructured.Unstructured, len(objects)), kinds: knownKinds(),
	}
	for _, object := range objects {
		s.objects[s.keyOf(object)] = object
	}
	server := httptest.NewServer(s)
	s.URL = server.URL
	t.Cleanup(func() {
		close(s.closing)
		server.Close()
	})
	return s
}

// firstVersion is above those of the objects that a test begins with.
const firstVersion = 1000

// Writes are the requests so far that asked for a change and were no dry runs.
func (s *Server) Writes() []Write {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.DeleteFunc(slices.Clone(s.writes), func(write Write) bool { return write.DryRun })
}

// Get is an object as it is now, nil where there is none.
func (s *Server) Get(resource schema.GroupResource, namespace, name string) *unstructured.Unstructured {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.objects[key{resource, namespace, name}]
}

// keyOf is where an object is kept. A kind that nobody has named before is served from then on.
func (s *Server) keyOf(object *unstructured.Unstructured) key {
	resource, kind := resourceOf(object.GroupVersionKind())
	if _, known := s.kinds[resource]; !known {
		s.kinds[resource] = kind
	}
	return key{resource, object.GetNamespace(), object.GetName()}
}

// store keeps the object, nil for none, and tells the watches. The lock is held.
func (s *Server) store(at key, object *unstructured.Unstructured) {
	s.version++
	before, what := s.objects[at], watch.Modified
	switch {
	case object == nil:
		what, object = watch.Deleted, before.DeepCopy()
		delete(s.objects, at)
	case before == nil:
		what = watch.Added
		fallthrough
	default:
		s.objects[at] = object
	}
	object.SetResourceVersion(strconv.Itoa(s.version))
	s.history = append(s.history, event{version: s.version, kind: what, key: at, object: object})
	close(s.changed)
	s.changed = make(chan struct{})
}

// Objects are all objects as they are now, as another server can begin with them.
func (s *Server) Objects() []*unstructured.Unstructured {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var objects []*unstructured.Unstructured
	for _, at := range s.keys() {
		objects = append(objects, s.objects[at])
	}
	return objects
}
