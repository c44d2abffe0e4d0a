package fakeapi

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const twoPorts = `apiVersion: v1
kind: Service
metadata: {name: server, namespace: test}
spec: {ports: [{name: http, port: 80, protocol: TCP}, {name: tcp, port: 8000, protocol: TCP}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: test, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: server, namespace: test}
spec: {replicas: 1, selector: {matchLabels: {app: server}}, template: {metadata: {labels: {app: server}}, spec: {containers: [{name: c, image: i}]}}}
status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: server-1-1, namespace: test, labels: {app: server}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: server-1, uid: u}]}
`

const servicePath = "/api/v1/namespaces/test/services/server"

// serving is a server with a few objects.
func serving(t *testing.T) *Server {
	t.Helper()
	objects, err := Objects(twoPorts)
	require.NoError(t, err)
	return New(t, objects...)
}

// send gives the code and the decoded body of an answer.
func send(t *testing.T, s *Server, method, path, contentType, body string) (int, map[string]any) {
	t.Helper()
	request, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var decoded map[string]any
	require.NoError(t, json.Unmarshal(data, &decoded), "%s", data)
	return response.StatusCode, decoded
}

const (
	applyPatch = "application/apply-patch+yaml"
	jsonPatch  = "application/json-patch+json"
	renamed    = `{apiVersion: v1, kind: Service, metadata: {name: server, namespace: test}, spec: {ports: [{name: grpc, port: 8000, protocol: TCP}]}}`
)

// TestApplyKnowsOwners: a field of somebody else's is a conflict, items of lists are found by their keys, and a dry run stores
// nothing.
func TestApplyKnowsOwners(t *testing.T) {
	s := serving(t)
	code, status := send(t, s, http.MethodPatch, servicePath+"?fieldManager=me", applyPatch, renamed)
	assert.Equal(t, http.StatusConflict, code)
	assert.Contains(t, status["message"], `conflict with "kubectl-create"`)
	code, _ = send(t, s, http.MethodPatch, servicePath+"?fieldManager=me&force=true&dryRun=All", applyPatch, renamed)
	assert.Equal(t, http.StatusOK, code)
	assert.Empty(t, s.Writes()[1:], "a dry run is no write")
	code, _ = send(t, s, http.MethodPatch, servicePath+"?fieldManager=me&force=true", applyPatch, renamed)
	assert.Equal(t, http.StatusOK, code)
	service := s.Get(schema.GroupResource{Resource: "services"}, "test", "server")
	ports, _, _ := unstructured.NestedSlice(service.Object, "spec", "ports")
	require.Len(t, ports, 2)
	assert.Equal(t, "grpc", ports[1].(map[string]any)["name"])
	var managers []string
	for _, entry := range service.GetManagedFields() {
		managers = append(managers, entry.Manager)
	}
	assert.ElementsMatch(t, []string{"kubectl-create", "me"}, managers)
}

// TestVersionsAreKept: an apply or a patch that asks for another version, and a delete of another object of the name, fail.
func TestVersionsAreKept(t *testing.T) {
	s := serving(t)
	code, _ := send(t, s, http.MethodPatch, servicePath+"?force=true", applyPatch, strings.Replace(renamed, "name: server,", `name: server, resourceVersion: "7",`, 1))
	assert.Equal(t, http.StatusConflict, code)
	code, _ = send(t, s, http.MethodPatch, servicePath, jsonPatch, `[{"op": "test", "path": "/metadata/name", "value": "other"}]`)
	assert.Equal(t, http.StatusUnprocessableEntity, code)
	code, _ = send(t, s, http.MethodPatch, servicePath, "application/merge-patch+json", `{"metadata": {"resourceVersion": "7"}}`)
	assert.Equal(t, http.StatusConflict, code)
	code, service := send(t, s, http.MethodPatch, servicePath, "application/merge-patch+json", `{"metadata": {"resourceVersion": "1", "managedFields": [{}]}}`)
	assert.Equal(t, http.StatusOK, code)
	assert.NotContains(t, service["metadata"], "managedFields", "owners can be taken away")
	code, _ = send(t, s, http.MethodDelete, servicePath, "application/json", `{"preconditions": {"uid": "other"}}`)
	assert.Equal(t, http.StatusConflict, code)
	code, _ = send(t, s, http.MethodDelete, servicePath, "application/json", `{"dryRun": ["All"]}`)
	assert.Equal(t, http.StatusOK, code)
	assert.NotNil(t, s.Get(schema.GroupResource{Resource: "services"}, "test", "server"))
	code, _ = send(t, s, http.MethodDelete, servicePath, "application/json", `{}`)
	assert.Equal(t, http.StatusOK, code)
	assert.Nil(t, s.Get(schema.GroupResource{Resource: "services"}, "test", "server"))
	code, _ = send(t, s, http.MethodGet, servicePath, "", "")
	assert.Equal(t, http.StatusNotFound, code)
}

// TestRolloutsComplete: a new pod template gives new pods, with a proxy in a namespace that is labelled, and watches tell.
func TestRolloutsComplete(t *testing.T) {
	s := serving(t)
	response, err := http.Get(s.URL + "/apis/apps/v1/namespaces/test/deployments?watch=true&resourceVersion=1000&fieldSelector=metadata.name%3Dserver")
	require.NoError(t, err)
	defer response.Body.Close()
	code, _ := send(t, s, http.MethodPatch, "/apis/apps/v1/namespaces/test/deployments/server", jsonPatch,
		`[{"op": "add", "path": "/spec/template/metadata/annotations", "value": {"restarted": "now"}}]`)
	assert.Equal(t, http.StatusOK, code)
	line, err := bufio.NewReader(response.Body).ReadString('\n')
	require.NoError(t, err)
	assert.Contains(t, line, `"generation":2`)
	_, pods := send(t, s, http.MethodGet, "/api/v1/namespaces/test/pods?labelSelector=app%3Dserver", "", "")
	require.Len(t, pods["items"], 1)
	pod := &unstructured.Unstructured{Object: pods["items"].([]any)[0].(map[string]any)}
	assert.Equal(t, "server-1-1-new", pod.GetName())
	assert.Contains(t, pod.GetAnnotations(), "sidecar.istio.io/status")
}

// TestGrants: what is not granted is forbidden, and the reviews say the same.
func TestGrants(t *testing.T) {
	s := serving(t)
	s.Grants = []Grant{{Namespace: "test", Rule: rbac.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"services"}}}}
	code, _ := send(t, s, http.MethodGet, servicePath, "", "")
	assert.Equal(t, http.StatusOK, code)
	code, _ = send(t, s, http.MethodGet, "/api/v1/services", "", "")
	assert.Equal(t, http.StatusForbidden, code)
	code, _ = send(t, s, http.MethodPatch, servicePath+"?force=true", applyPatch, renamed)
	assert.Equal(t, http.StatusForbidden, code)
	assert.Empty(t, s.Writes(), "what is forbidden does not reach the objects")
	review := `{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": {"verb": "VERB", "resource": "services", "namespace": "test"}}}`
	for verb, want := range map[string]bool{"get": true, "patch": false} {
		_, answer := send(t, s, http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "application/json", strings.Replace(review, "VERB", verb, 1))
		allowed, _, _ := unstructured.NestedBool(answer, "status", "allowed")
		assert.Equal(t, want, allowed, verb)
	}
	s.Grants = Everything("test")
	code, _ = send(t, s, http.MethodGet, "/api/v1/namespaces/test/services", "", "")
	assert.Equal(t, http.StatusOK, code)
	code, _ = send(t, s, http.MethodGet, "/api/v1/services", "", "")
	assert.Equal(t, http.StatusForbidden, code)
}

// TestObjectsAreValid: what no API server would have stored is refused.
func TestObjectsAreValid(t *testing.T) {
	_, err := Objects("apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: y, annotations: {a: 5}}\n")
	assert.Error(t, err)
	_, err = Objects("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x, namespace: y}\nspec: {selector: {matchLabels: {app: no}}}\n")
	assert.Error(t, err)
}
