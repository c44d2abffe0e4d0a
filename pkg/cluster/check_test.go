package cluster

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

const servicePath = "/api/v1/namespaces/test/services/server"

// serviceYAML is a Service as the API server gives it: made with kubectl, with a port of ours.
const serviceYAML = `
apiVersion: v1
kind: Service
metadata:
  name: server
  namespace: test
  managedFields:
  - {manager: kubectl-create, operation: Update, apiVersion: v1, fieldsType: FieldsV1, fieldsV1: {"f:spec": {"f:ports": {".": {}, 'k:{"port":8000,"protocol":"TCP"}': {".": {}, "f:name": {}, "f:port": {}}}}}}
  - {manager: kubectl-grpcexpose, operation: Apply, apiVersion: v1, fieldsType: FieldsV1, fieldsV1: {"f:spec": {"f:ports": {'k:{"port":9000,"protocol":"TCP"}': {".": {}, "f:appProtocol": {}, "f:port": {}, "f:protocol": {}}}}}}
spec:
  ports:
  - {name: http, port: 8000, protocol: TCP}
  - {name: other, port: 9000, protocol: TCP, appProtocol: grpc}
`

func rename(object *unstructured.Unstructured) plan.Plan {
	return plan.Plan{Changes: []plan.Change{{
		Action: plan.Update, Object: object,
		Edits: []plan.Edit{plan.Set(object, "grpc", "spec", "ports", "port=8000,protocol=TCP", "name")},
	}}}
}

// conflictWith answers an apply without force with a conflict, and one with force with the object.
func conflictWith(t *testing.T, manager string, forced *atomic.Int32) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("force") == "true" {
			forced.Add(1)
			reply(serviceYAML)(w, r)
			return
		}
		assert.Equal(t, "application/apply-patch+yaml", r.Header.Get("Content-Type"))
		fail(http.StatusConflict, metav1.StatusReasonConflict, "Apply failed with 1 conflict", metav1.StatusCause{
			Type: metav1.CauseTypeFieldManagerConflict, Message: `conflict with "` + manager + `" using v1 at 2026-11-22T10:00:00Z`,
			Field: `.spec.ports[port=8000,protocol="TCP"].name`,
		})(w, r)
	}
}

func TestCheckRepeatsWhatWasAppliedBefore(t *testing.T) {
	f := newFakeServer(t)
	var applied map[string]any
	f.on("PATCH "+servicePath, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "All", r.URL.Query().Get("dryRun"))
		assert.Equal(t, "kubectl-grpcexpose", r.URL.Query().Get("fieldManager"))
		applied = body(t, r)
		w.Header().Add("Warning", `299 - "spec.clusterIP is deprecated"`)
		reply(serviceYAML)(w, r)
	})
	result, err := f.client.Check(t.Context(), rename(parse(t, serviceYAML)), WriteOptions{})
	require.NoError(t, err)
	require.NoError(t, result.Err())
	assert.Equal(t, parse(t, `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: test}
spec:
  ports:
  - {port: 9000, protocol: TCP, appProtocol: grpc}
  - {port: 8000, protocol: TCP, name: grpc}`).Object, (&unstructured.Unstructured{Object: normal(t, applied)}).Object,
		"a port that an apply of ours leaves out would be removed")
	assert.Equal(t, []string{"spec.clusterIP is deprecated"}, result[0].Notes)
	assert.Equal(t, "server", result[0].Stored.GetName())
	assert.Equal(t, []string{"PATCH " + servicePath}, f.asked(), "the plan's object has its managed fields: it need not be read again")
}

// normal gives numbers the types that unstructured objects have.
func normal(t *testing.T, object map[string]any) map[string]any {
	t.Helper()
	u := &unstructured.Unstructured{}
	data, err := (&unstructured.Unstructured{Object: object}).MarshalJSON()
	require.NoError(t, err)
	require.NoError(t, u.UnmarshalJSON(data))
	return u.Object
}

func TestCheckJudgesOwners(t *testing.T) {
	const next = "; make the change where the owner takes it from (-o yaml prints it), or take the fields over with --force-conflicts"
	const field = `.spec.ports[port=8000,protocol="TCP"].name`
	for name, test := range map[string]struct {
		manager     string
		labels      map[string]string
		annotations map[string]string
		force       bool
		err         string
		notes       []string
	}{
		"kubectl gives way":        {manager: "kubectl-edit", notes: []string{"takes over what kubectl-edit set in " + field}},
		"so do we, without a word": {manager: "kubectl-grpcexpose"},
		"Argo CD does not": {
			manager: "argocd-controller", annotations: map[string]string{"argocd.argoproj.io/tracking-id": "payments:/Service:test/server"},
			err: "Service test/server: Argo CD (application payments) owns " + field + next,
		},
		"Flux": {
			manager: "kustomize-controller", labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "apps"},
			err: "Service test/server: Flux (Kustomization apps/shop) owns " + field + next,
		},
		"Helm": {
			manager: "helm", annotations: map[string]string{"meta.helm.sh/release-name": "web"},
			err: "Service test/server: Helm (release web) owns " + field + next,
		},
		"an operator": {manager: "service-operator", err: "Service test/server: service-operator owns " + field + next},
		"kubectl, on what Argo CD deploys": {
			manager: "kubectl-edit", labels: map[string]string{"argocd.argoproj.io/instance": "payments"},
			notes: []string{
				"takes over what kubectl-edit set in " + field,
				"Service test/server is deployed by Argo CD (application payments), which may set it back: make the same change there",
			},
		},
		"forced": {manager: "argocd-controller", force: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeServer(t)
			var forced atomic.Int32
			f.on("PATCH "+servicePath, conflictWith(t, test.manager, &forced))
			service := parse(t, serviceYAML)
			service.SetLabels(test.labels)
			service.SetAnnotations(test.annotations)

			result, err := f.client.Check(t.Context(), rename(service), WriteOptions{ForceConflicts: test.force})
			require.NoError(t, err)
			assert.Equal(t, test.notes, result[0].Notes)
			if test.err != "" {
				assert.EqualError(t, result.Err(), test.err)
				assert.Zero(t, forced.Load())
				return
			}
			assert.NoError(t, result.Err())
			assert.Equal(t, int32(1), forced.Load())
		})
	}
}

func TestWhatTheDeployerSetsBack(t *testing.T) {
	const note = "Service test/server is deployed by Flux (Kustomization apps/shop), which may set it back: make the same change there"
	for action, want := range map[plan.Action][]string{plan.Update: {note}, plan.Delete: {note}, plan.Restart: nil, plan.Create: nil} {
		service := parse(t, serviceYAML)
		service.SetLabels(map[string]string{"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "apps"})
		assert.Equal(t, want, revertNotes(plan.Change{Action: action, Object: service}), action)
	}
}

func TestCheckJudgesOwnersOfWhatIsPatched(t *testing.T) {
	f := newFakeServer(t)
	var patch string
	f.on("PATCH "+servicePath, func(w http.ResponseWriter, r *http.Request) {
		patch = r.Header.Get("Content-Type")
		reply(serviceYAML)(w, r)
	})
	service := parse(t, serviceYAML)
	removal := plan.Plan{Changes: []plan.Change{{
		Action: plan.Update, Object: service, Edits: []plan.Edit{plan.Set(service, nil, "spec", "ports", "port=8000,protocol=TCP", "name")},
	}}}
	result, err := f.client.Check(t.Context(), removal, WriteOptions{})
	require.NoError(t, err)
	require.NoError(t, result.Err())
	assert.Equal(t, "application/json-patch+json", patch)
	assert.Equal(t, []string{"takes over what kubectl-create set in .spec.ports[?(@.port==8000)].name"}, result[0].Notes)

	entries := service.GetManagedFields()
	entries[0].Manager = "service-operator"
	service.SetManagedFields(entries)
	f.asked()
	result, err = f.client.Check(t.Context(), removal, WriteOptions{})
	require.NoError(t, err)
	assert.ErrorContains(t, result.Err(), "Service test/server: service-operator owns .spec.ports[?(@.port==8000)].name; ")
	assert.Empty(t, f.asked(), "nothing is sent")
}

func TestCheckPutsPermissionsTogether(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET /apis", reply(serving("networking.istio.io/v1/gateways")))
	f.on("PATCH "+servicePath, fail(http.StatusForbidden, metav1.StatusReasonForbidden,
		`services "server" is forbidden: User "carol" cannot patch resource "services" in API group "" in the namespace "test"`))
	f.on("PATCH "+gatewayPath, fail(http.StatusForbidden, metav1.StatusReasonForbidden,
		`gateways "server" is forbidden: User "carol" cannot create resource "gateways" in API group "networking.istio.io" in the namespace "test"`))
	p := rename(parse(t, serviceYAML))
	p.Changes = append(p.Changes, plan.Change{Action: plan.Create, Object: parse(t, gatewayYAML)},
		plan.Change{Action: plan.Create, Object: parse(t, oldYAML)})

	result, err := f.client.Check(t.Context(), p, WriteOptions{})
	require.NoError(t, err)
	assert.Equal(t, []Permission{
		{Verb: "patch", Resource: "services", Namespace: "test", Name: "server"},
		{Verb: "create", Group: "networking.istio.io", Resource: "gateways", Namespace: "test"},
	}, result.missingPermissions())
	assert.EqualError(t, result.Err(), "you may not patch services/server in namespace test, nor create gateways.networking.istio.io in namespace test; "+
		"ask an administrator for a Role that allows it\n"+
		"the cluster has no CRD virtualservices.networking.istio.io; install what brings it (for Istio: istioctl install, or the base chart)")
}

func TestCheckOfAnObjectThatIsThereAfterAll(t *testing.T) {
	for name, test := range map[string]struct{ there, err string }{
		"made by this program": {gatewayYAML, ""},
		"made by someone else": {
			`{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: server, namespace: test}}`,
			"Gateway test/server already exists and was not made by this program; run the command again to plan with it, or choose another name",
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := newFakeStore(t, map[string]string{gatewayPath: test.there})
			result, err := store.client.Check(t.Context(), plan.Plan{Changes: []plan.Change{{Action: plan.Create, Object: parse(t, gatewayYAML)}}}, WriteOptions{})
			require.NoError(t, err)
			assert.Zero(t, store.writes)
			if test.err == "" {
				assert.NoError(t, result.Err())
			} else {
				assert.EqualError(t, result.Err(), test.err)
			}
		})
	}
}

func TestCheckTriesChangesOfOneObjectTogether(t *testing.T) {
	store, p := threeChanges(t)
	first := p.Changes[0]
	after, err := first.After()
	require.NoError(t, err)
	second := plan.Change{Action: plan.Update, Object: after, Edits: []plan.Edit{plan.Set(after, nil, "metadata", "labels", "team")}}
	third := plan.Change{Action: plan.Update, Object: after, Edits: []plan.Edit{plan.Set(after, "x", "metadata", "annotations", "note")}}

	together, err := upTo([]plan.Change{first, p.Changes[1], second, third}, 3)
	require.NoError(t, err)
	whole, err := together.After()
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"istio-injection": "enabled"}, whole.GetLabels())
	assert.Equal(t, map[string]string{"note": "x"}, whole.GetAnnotations())

	create := p.Changes[1]
	edit := plan.Change{Action: plan.Update, Object: create.Object, Edits: []plan.Edit{plan.Set(create.Object, "x", "metadata", "annotations", "note")}}
	result, err := store.client.Check(t.Context(), plan.Plan{Changes: []plan.Change{create, edit}}, WriteOptions{})
	require.NoError(t, err)
	require.NoError(t, result.Err())
	assert.Equal(t, map[string]string{"note": "x"}, result[1].Stored.GetAnnotations(), "an object that is not there yet can be edited in a plan")
	assert.Zero(t, store.writes)
}

func TestCheckEndsWhereNothingCanBeSaid(t *testing.T) {
	store, p := threeChanges(t)
	store.close()
	_, err := store.client.Check(t.Context(), p, WriteOptions{})
	assert.ErrorContains(t, err, "cannot be reached: connection refused")
}

func TestPatchGoesOnWhereAnotherHasBegun(t *testing.T) {
	f := newFakeServer(t)
	var patch string
	f.on("PATCH "+servicePath, func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		patch = string(data)
		reply(serviceYAML)(w, r)
	})
	planned := parse(t, serviceYAML)
	removals := plan.Change{Action: plan.Update, Object: planned, Edits: []plan.Edit{
		plan.Set(planned, nil, "spec", "ports", "port=8000,protocol=TCP", "name"),
		plan.Set(planned, nil, "spec", "ports", "port=9000,protocol=TCP", "appProtocol"),
	}}
	live, err := plan.Change{Action: plan.Update, Object: planned, Edits: removals.Edits[:1]}.After()
	require.NoError(t, err)

	w, err := f.client.writer(t.Context(), removals, WriteOptions{}, false)
	require.NoError(t, err)
	w.begin(live)
	_, err = w.write(t.Context(), live)
	require.NoError(t, err)
	assert.JSONEq(t, `[{"op": "test", "path": "/spec/ports/1/appProtocol", "value": "grpc"}, {"op": "remove", "path": "/spec/ports/1/appProtocol"}]`, patch)
}
