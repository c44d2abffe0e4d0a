package cluster

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// fakeStore is a server that keeps objects by their paths. Its apply merges fields and knows no owners; tests that are about
// owners give answers of their own.
type fakeStore struct {
	*fakeServer
	mutex   sync.Mutex
	version int
	objects map[string]map[string]any
	writes  int
}

// newFakeStore holds the objects at the paths.
func newFakeStore(t *testing.T, objects map[string]string) *fakeStore {
	t.Helper()
	s := &fakeStore{fakeServer: newFakeServer(t), objects: map[string]map[string]any{}}
	for path, text := range objects {
		s.objects[path] = s.stamped(parse(t, text).Object)
	}
	s.on("GET /apis", reply(serving("networking.istio.io/v1/gateways", "networking.istio.io/v1/virtualservices")))
	s.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/apis" {
			return false
		}
		s.serve(w, r)
		return true
	}
	return s
}

// parse makes an object from YAML, as a plan has it.
func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	require.NoError(t, err)
	object := &unstructured.Unstructured{}
	require.NoError(t, object.UnmarshalJSON(data))
	return object
}

func (s *fakeStore) stamped(object map[string]any) map[string]any {
	s.version++
	metadata := object["metadata"].(map[string]any)
	metadata["resourceVersion"] = strconv.Itoa(s.version)
	if metadata["uid"] == nil {
		metadata["uid"] = "uid-" + strconv.Itoa(s.version)
	}
	return object
}

var resourceVersion = plan.Path{"metadata", "resourceVersion"}

func (s *fakeStore) serve(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	path, dryRun := r.URL.Path, r.URL.Query().Get("dryRun") != ""
	live, there := s.objects[path]
	switch {
	case r.Method == http.MethodPatch:
		applied := body(s.t, r)
		if wanted, conditional := resourceVersion.Get(applied); conditional && there {
			if has, _ := resourceVersion.Get(live); has != wanted {
				fail(http.StatusConflict, metav1.StatusReasonConflict, "the object has been modified")(w, r)
				return
			}
		}
		after := s.merged(live, applied)
		code := http.StatusOK
		if !there {
			code = http.StatusCreated
		}
		if !dryRun {
			s.objects[path] = after
			s.writes++
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(after)
	case !there:
		fail(http.StatusNotFound, metav1.StatusReasonNotFound, "not found")(w, r)
	case r.Method == http.MethodDelete:
		if !dryRun {
			delete(s.objects, path)
			s.writes++
		}
		reply(`{apiVersion: v1, kind: Status, status: Success}`)(w, r)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(live)
	}
}

// merged is the live object with the applied fields, of a new version only where they change something.
func (s *fakeStore) merged(live, applied map[string]any) map[string]any {
	if live == nil {
		return s.stamped(applied)
	}
	after := merge(live, applied).(map[string]any)
	if plan.Fulfilled(after, live) && plan.Fulfilled(live, after) {
		return live
	}
	return s.stamped(after)
}

func merge(live, applied any) any {
	fields, ok := applied.(map[string]any)
	liveFields, liveOK := live.(map[string]any)
	if !ok || !liveOK {
		return applied
	}
	after := maps.Clone(liveFields)
	for name, value := range fields {
		after[name] = merge(liveFields[name], value)
	}
	return after
}

// get is the value of a field of the object at a path.
func (s *fakeStore) get(path string, field ...string) any {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	value, _ := plan.Path(field).Get(s.objects[path])
	return value
}
