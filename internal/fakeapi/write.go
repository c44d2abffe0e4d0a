package fakeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	authorization "k8s.io/api/authorization/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// bodies decodes what is posted, in JSON or protobuf.
var bodies = sync.OnceValue(func() runtime.Decoder {
	scheme := runtime.NewScheme()
	utilruntime.Must(core.AddToScheme(scheme))
	utilruntime.Must(authorization.AddToScheme(scheme))
	return serializer.NewCodecFactory(scheme).UniversalDeserializer()
})

// answerReview says what the user may do.
func (s *Server) answerReview(w http.ResponseWriter, asked request) {
	body, err := asked.read()
	if err != nil {
		fail(w, err)
		return
	}
	review, _, err := bodies().Decode(body, nil, nil)
	switch review := review.(type) {
	case *authorization.SelfSubjectAccessReview:
		s.review(review)
		answer(w, http.StatusCreated, review)
	case *authorization.SelfSubjectRulesReview:
		s.rules(review)
		answer(w, http.StatusCreated, review)
	default:
		fail(w, apierrors.NewBadRequest(fmt.Sprint("no review: ", err)))
	}
}

// write answers what asks for a change, and keeps account of it.
func (s *Server) write(w http.ResponseWriter, asked request) {
	body, err := asked.read()
	if err != nil {
		fail(w, err)
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	before := s.objects[asked.key]
	account := Write{
		Verb: asked.right().verb, Resource: asked.key.GroupResource, Namespace: asked.key.namespace, Name: asked.key.name, DryRun: asked.dryRun(),
	}
	if account.Resource.Resource == "namespaces" {
		account.Namespace = account.Name
	}
	var after *unstructured.Unstructured
	switch asked.Method {
	case http.MethodPost:
		after, err = posted(asked, body)
	case http.MethodPatch:
		after, err = patched(asked, before, body)
	case http.MethodDelete:
		account.DryRun, err = deletion(asked, before, body)
	default:
		err = apierrors.NewMethodNotSupported(asked.key.GroupResource, asked.Method)
	}
	if err == nil && after != nil {
		err = s.admit(asked, after)
	}
	if before != nil {
		account.Before = before.Object
	}
	if err != nil {
		account.Code = fail(w, err)
		s.writes = append(s.writes, account)
		return
	}
	account.Code = http.StatusOK
	if after != nil {
		if before == nil {
			account.Code = http.StatusCreated
		}
		after = s.settle(before, after)
		account.Name, account.After = after.GetName(), after.Object
	}
	if !account.DryRun {
		s.commit(asked.key, before, after)
	}
	s.writes = append(s.writes, account)
	if after == nil {
		answer(w, http.StatusOK, metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusSuccess})
		return
	}
	answer(w, account.Code, after)
}

// commit stores what a write has made, and does the controllers' part. An object that has not changed keeps its version.
func (s *Server) commit(at key, before, after *unstructured.Unstructured) {
	if before != nil && after != nil && equality.Semantic.DeepEqual(before.Object, after.Object) {
		return
	}
	if after != nil {
		at.name = after.GetName()
	}
	s.store(at, after)
	if after != nil {
		s.rollOut(before, after)
	}
}

// posted is the object of a POST.
func posted(asked request, body []byte) (*unstructured.Unstructured, error) {
	decoded, _, err := bodies().Decode(body, nil, nil)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(decoded)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	object := &unstructured.Unstructured{Object: fields}
	object.SetGroupVersionKind(decoded.GetObjectKind().GroupVersionKind())
	if object.GetName() == "" {
		object.SetName(object.GetGenerateName() + "x7k2p")
	}
	if object.GetNamespace() == "" {
		object.SetNamespace(asked.key.namespace)
	}
	return object, nil
}

// patched is what a server-side apply or a JSON patch makes of the object, nil for none.
func patched(asked request, before *unstructured.Unstructured, body []byte) (*unstructured.Unstructured, error) {
	resource, name := asked.key.GroupResource, asked.key.name
	switch types.PatchType(asked.Header.Get("Content-Type")) {
	case types.ApplyPatchType:
		return appliedBy(asked, before, body)
	case types.JSONPatchType:
		return changedBy(asked, before, func(current []byte) ([]byte, error) {
			patch, err := jsonpatch.DecodePatch(body)
			if err != nil {
				return nil, err
			}
			return patch.Apply(current)
		})
	case types.MergePatchType:
		return changedBy(asked, before, func(current []byte) ([]byte, error) { return jsonpatch.MergePatch(current, body) })
	default:
		return nil, apierrors.NewGenericServerResponse(http.StatusUnsupportedMediaType, "patch", resource, name, "no such patch", 0, false)
	}
}

// changedBy is what a patch makes of the object. A version in what comes of it is the condition that the object has it. Every
// failure of a patch is "invalid", a failed test too. Source: k8s.io/apiserver, pkg/endpoints/handlers/patch.go (applyJSPatch).
func changedBy(asked request, before *unstructured.Unstructured, patch func([]byte) ([]byte, error)) (*unstructured.Unstructured, error) {
	resource, name := asked.key.GroupResource, asked.key.name
	if before == nil {
		return nil, apierrors.NewNotFound(resource, name)
	}
	current, err := before.MarshalJSON()
	if err != nil {
		return nil, err
	}
	changed, err := patch(current)
	if err != nil {
		return nil, apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", resource, name, err.Error(), 0, false)
	}
	after := &unstructured.Unstructured{}
	if err := after.UnmarshalJSON(changed); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if after.GetResourceVersion() != before.GetResourceVersion() {
		return nil, modified(resource, name)
	}
	return ownedFrom(before, after, asked.manager()), nil
}

func modified(resource schema.GroupResource, name string) error {
	return apierrors.NewConflict(resource, name, errors.New("the object has been modified; please apply your changes to the latest version and try again"))
}

func appliedBy(asked request, before *unstructured.Unstructured, body []byte) (*unstructured.Unstructured, error) {
	resource, name := asked.key.GroupResource, asked.key.name
	data, err := yaml.YAMLToJSON(body)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	configuration := &unstructured.Unstructured{}
	if err := configuration.UnmarshalJSON(data); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	switch wanted := configuration.GetResourceVersion(); {
	case configuration.GetName() != name:
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", configuration.GetName(), name))
	case configuration.GetNamespace() != asked.key.namespace:
		return nil, apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	case wanted != "" && (before == nil || before.GetResourceVersion() != wanted):
		return nil, modified(resource, name)
	}
	after, err := applied(before, configuration, asked.manager(), asked.URL.Query().Get("force") == "true")
	if err != nil && before == nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return after, err
}

// deletion reports whether the delete is a dry run; the error is why it is not done.
func deletion(asked request, before *unstructured.Unstructured, body []byte) (dryRun bool, err error) {
	var options metav1.DeleteOptions
	if len(body) > 0 {
		if err := json.Unmarshal(body, &options); err != nil {
			return false, apierrors.NewBadRequest(err.Error())
		}
	}
	dryRun = asked.dryRun() || len(options.DryRun) > 0
	if before == nil {
		return dryRun, apierrors.NewNotFound(asked.key.GroupResource, asked.key.name)
	}
	if wanted := options.Preconditions; wanted != nil &&
		(wanted.UID != nil && *wanted.UID != before.GetUID() || wanted.ResourceVersion != nil && *wanted.ResourceVersion != before.GetResourceVersion()) {
		return dryRun, apierrors.NewConflict(asked.key.GroupResource, asked.key.name, errors.New("the UID or version in the precondition is not the object's"))
	}
	return dryRun, nil
}

// admit refuses what the real server would: as much of it as writes of this program can get wrong.
func (s *Server) admit(asked request, after *unstructured.Unstructured) error {
	if after.GetKind() == "" || asked.key.String() != "services" {
		return nil
	}
	ports, _, _ := unstructured.NestedSlice(after.Object, "spec", "ports")
	names := map[any]bool{}
	for i, item := range ports {
		port, isObject := item.(map[string]any)
		number, isNumber := port["port"].(int64)
		if !isObject || !isNumber || number < 1 || number > 65535 || names[port["name"]] {
			at := field.NewPath("spec", "ports").Index(i)
			return apierrors.NewInvalid(after.GroupVersionKind().GroupKind(), after.GetName(), field.ErrorList{field.Invalid(at, item, "must be a port of its own name")})
		}
		names[port["name"]] = true
	}
	return nil
}
