package cluster

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/managedfields/managedfieldstest"
)

// ownedStore is a server that keeps one object and its owners, by the API server's own code for them. Lists are one value to
// it, for it has no schema.
type ownedStore struct {
	*fakeServer
	path   string
	owners *managedfields.FieldManager

	mutex   sync.Mutex
	version int
	live    *unstructured.Unstructured
	// answered, if set, is called after a write has been stored and says whether its answer gets lost.
	answered func(write int) (lost bool)
	writes   int
}

// newOwnedStore holds an object that Argo CD has applied.
func newOwnedStore(t *testing.T, path, text string) *ownedStore {
	t.Helper()
	object := parse(t, text)
	s := &ownedStore{
		fakeServer: newFakeServer(t), path: path,
		owners: managedfieldstest.NewFakeFieldManager(managedfields.NewDeducedTypeConverter(), object.GroupVersionKind()),
	}
	s.live = &unstructured.Unstructured{}
	s.live.SetGroupVersionKind(object.GroupVersionKind())
	require.NoError(t, s.store(func(live *unstructured.Unstructured) (runtime.Object, error) {
		return s.owners.Apply(live, object, "argocd-controller", true)
	}))
	s.fault = s.serve
	return s
}

// object is what is stored.
func (s *ownedStore) object() *unstructured.Unstructured {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.live.DeepCopy()
}

// store replaces the object by what change makes of it.
func (s *ownedStore) store(change func(live *unstructured.Unstructured) (runtime.Object, error)) error {
	after, err := change(s.live.DeepCopy())
	if err != nil {
		return err
	}
	stored := after.(*unstructured.Unstructured).DeepCopy()
	stored.SetResourceVersion(s.live.GetResourceVersion())
	if !assert.ObjectsAreEqual(stored.Object, s.live.Object) {
		s.version++
		stored.SetResourceVersion(strconv.Itoa(s.version))
		s.live = stored
	}
	return nil
}

func (s *ownedStore) serve(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != s.path {
		return false
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	answer := s.live
	if r.Method == http.MethodPatch {
		err := s.patch(r)
		var status apierrors.APIStatus
		if errors.As(err, &status) {
			fail(int(status.Status().Code), status.Status().Reason, status.Status().Message, causesOf(status.Status())...)(w, r)
			return true
		}
		assert.NoError(s.t, err)
		s.writes++
		answer = s.live
		if s.answered != nil && s.answered(s.writes) {
			cut(w)
			return true
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
	return true
}

func causesOf(status metav1.Status) []metav1.StatusCause {
	if status.Details == nil {
		return nil
	}
	return status.Details.Causes
}

func (s *ownedStore) patch(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	manager, kind := r.URL.Query().Get("fieldManager"), types.PatchType(r.Header.Get("Content-Type"))
	return s.store(func(live *unstructured.Unstructured) (runtime.Object, error) {
		if kind == types.ApplyPatchType {
			applied := &unstructured.Unstructured{}
			if err := applied.UnmarshalJSON(body); err != nil {
				return nil, err
			}
			after, err := s.owners.Apply(live, applied, manager, r.URL.Query().Get("force") == "true")
			if err == nil && applied.GetResourceVersion() != "" && applied.GetResourceVersion() != s.live.GetResourceVersion() {
				err = staleError()
			}
			return after, err
		}
		text, err := patched(live, kind, body)
		if err != nil {
			return nil, &apierrors.StatusError{ErrStatus: metav1.Status{
				Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid, Message: "the server rejected our request due to an error in our request",
			}}
		}
		after := &unstructured.Unstructured{}
		if err := after.UnmarshalJSON(text); err != nil {
			return nil, err
		}
		if after.GetResourceVersion() != s.live.GetResourceVersion() {
			return nil, staleError()
		}
		return s.owners.Update(live, after, manager)
	})
}

func staleError() error {
	return apierrors.NewConflict(schema.GroupResource{}, "", errors.New("the object has been modified"))
}

func patched(live *unstructured.Unstructured, kind types.PatchType, body []byte) ([]byte, error) {
	before, err := live.MarshalJSON()
	if err != nil {
		return nil, err
	}
	if kind == types.MergePatchType {
		return jsonpatch.MergePatch(before, body)
	}
	operations, err := jsonpatch.DecodePatch(body)
	if err != nil {
		return nil, err
	}
	return operations.Apply(before)
}
