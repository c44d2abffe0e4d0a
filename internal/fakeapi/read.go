package fakeapi

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// read answers gets and lists, always in JSON, which clients must take although they prefer protobuf.
func (s *Server) read(w http.ResponseWriter, asked request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if asked.key.name != "" {
		if object := s.objects[asked.key]; object != nil {
			answer(w, http.StatusOK, object)
			return
		}
		fail(w, apierrors.NewNotFound(asked.key.GroupResource, asked.key.name))
		return
	}
	wanted, err := selection(asked)
	if err != nil {
		fail(w, err)
		return
	}
	items := []any{}
	for _, at := range s.keys() {
		object := s.objects[at]
		if !wanted(at, object) {
			continue
		}
		if metadataOnly(asked) {
			items = append(items, map[string]any{"metadata": object.Object["metadata"]})
		} else {
			items = append(items, object.Object)
		}
	}
	apiVersion, kind := asked.resource.GroupVersion().String(), asked.kind.kind+"List"
	if metadataOnly(asked) {
		apiVersion, kind = "meta.k8s.io/v1", "PartialObjectMetadataList"
	}
	answer(w, http.StatusOK, map[string]any{
		"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"resourceVersion": strconv.Itoa(s.version)}, "items": items,
	})
}

// keys are those of all objects, in the order in which etcd has them.
func (s *Server) keys() []key {
	keys := make([]key, 0, len(s.objects))
	for at := range s.objects {
		keys = append(keys, at)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	return keys
}

func metadataOnly(asked request) bool {
	return strings.Contains(asked.Header.Get("Accept"), "as=PartialObjectMetadata")
}

// selection reports of an object whether a list or watch is about it.
func selection(asked request) (func(key, *unstructured.Unstructured) bool, error) {
	byLabel, err := labels.Parse(asked.URL.Query().Get("labelSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	byField, err := fields.ParseSelector(asked.URL.Query().Get("fieldSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return func(at key, object *unstructured.Unstructured) bool {
		phase, _, _ := unstructured.NestedString(object.Object, "status", "phase")
		return at.GroupResource == asked.key.GroupResource && (asked.key.namespace == "" || at.namespace == asked.key.namespace) &&
			byLabel.Matches(labels.Set(object.GetLabels())) &&
			byField.Matches(fields.Set{"metadata.name": at.name, "metadata.namespace": at.namespace, "status.phase": phase})
	}, nil
}

// watch sends what happens after a version, until the client or the test has enough.
func (s *Server) watch(w http.ResponseWriter, asked request) {
	wanted, err := selection(asked)
	if err != nil {
		fail(w, err)
		return
	}
	seen, _ := strconv.Atoi(asked.URL.Query().Get("resourceVersion"))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	stream := http.NewResponseController(w)
	for encoder := json.NewEncoder(w); ; {
		_ = stream.Flush()
		s.mutex.Lock()
		changed := s.changed
		var news []event
		for _, event := range s.history {
			if event.version > seen && wanted(event.key, event.object) {
				news = append(news, event)
			}
		}
		seen = max(seen, s.version)
		s.mutex.Unlock()
		for _, event := range news {
			object := event.object
			if metadataOnly(asked) {
				object = &unstructured.Unstructured{Object: map[string]any{
					"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object.Object["metadata"],
				}}
			}
			if encoder.Encode(metav1.WatchEvent{Type: string(event.kind), Object: runtime.RawExtension{Object: object}}) != nil {
				return
			}
		}
		if len(news) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-asked.Context().Done():
			return
		case <-s.closing:
			return
		case <-time.After(time.Minute):
			return
		}
	}
}
