package fakeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// request is one for a resource.
type request struct {
	*http.Request
	// resource is with its version, named with its subresource.
	resource schema.GroupVersionResource
	kind     served
	key      key
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Intercept != nil && s.Intercept(w, r) {
		return
	}
	switch r.URL.Path {
	case "/version":
		answer(w, http.StatusOK, map[string]any{"major": "1", "minor": "36", "gitVersion": "v1.36.0"})
		return
	case "/apis":
		s.mutex.Lock()
		defer s.mutex.Unlock()
		answer(w, http.StatusOK, s.discovery())
		return
	}
	asked, ok := parsed(r)
	if ok && asked.resource.Group == "authorization.k8s.io" {
		s.answerReview(w, asked)
		return
	}
	if ok {
		s.mutex.Lock()
		asked.kind, ok = s.serves(asked.resource)
		s.mutex.Unlock()
	}
	if ok = ok || asked.resource.Resource == "events"; !ok {
		http.NotFound(w, r)
		return
	}
	if wanted := asked.right(); !s.allows(wanted) {
		where := "in the namespace \"" + wanted.namespace + "\""
		if wanted.namespace == "" {
			where = "at the cluster scope"
		}
		said := fmt.Sprintf("User %q cannot %s resource %q in API group %q %s", "carol", wanted.verb, wanted.resource, wanted.group, where)
		fail(w, apierrors.NewForbidden(asked.resource.GroupResource(), wanted.name, errors.New(said)))
		return
	}
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("watch") != "":
		s.watch(w, asked)
	case r.Method == http.MethodGet:
		s.read(w, asked)
	default:
		s.write(w, asked)
	}
}

// parsed takes a URL apart: /api/v1/…, /apis/GROUP/VERSION/…, then [namespaces/NAMESPACE/]RESOURCE[/NAME[/SUBRESOURCE]].
func parsed(r *http.Request) (request, bool) {
	asked := request{Request: r}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(parts) > 2 && parts[0] == "api":
		asked.resource.Version, parts = parts[1], parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		asked.resource.Group, asked.resource.Version, parts = parts[1], parts[2], parts[3:]
	default:
		return asked, false
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		asked.key.namespace, parts = parts[1], parts[2:]
	}
	asked.resource.Resource = parts[0]
	if len(parts) > 1 {
		asked.key.name = parts[1]
	}
	asked.key.GroupResource = asked.resource.GroupResource()
	return asked, len(parts) <= 2
}

// right is what RBAC has to allow. A server-side apply is a patch, and where it makes the object a create too, which the
// rights to patch stand for here.
func (r request) right() right {
	verb := map[string]string{http.MethodGet: "get", http.MethodPost: "create", http.MethodPatch: "patch", http.MethodDelete: "delete", http.MethodPut: "update"}[r.Method]
	name := r.key.name
	switch {
	case verb == "get" && r.URL.Query().Get("watch") != "":
		verb, name = "watch", selectedName(r.Request)
	case verb == "get" && name == "":
		verb, name = "list", selectedName(r.Request)
	}
	return right{verb, r.resource.Group, r.resource.Resource, r.key.namespace, name}
}

// selectedName is the one name that a list or watch is about, as RBAC sees it.
// Source: k8s.io/apiserver, pkg/endpoints/request/requestinfo.go (NewRequestInfo).
func selectedName(r *http.Request) string {
	name, _ := strings.CutPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name=")
	if strings.ContainsAny(name, "=,") {
		return ""
	}
	return name
}

func (r request) dryRun() bool { return r.URL.Query().Get("dryRun") != "" }

func (r request) manager() string {
	if manager := r.URL.Query().Get("fieldManager"); manager != "" {
		return manager
	}
	return strings.Split(r.UserAgent(), "/")[0]
}

func (r request) read() ([]byte, error) { return io.ReadAll(r.Body) }

func answer(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object)
}

func fail(w http.ResponseWriter, err error) int {
	status, ok := err.(apierrors.APIStatus)
	if !ok {
		status = apierrors.NewInternalError(err)
	}
	said := status.Status()
	said.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	answer(w, int(said.Code), said)
	return int(said.Code)
}
