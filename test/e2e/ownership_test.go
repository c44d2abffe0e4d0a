package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kubeyaml "sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// writes is the product's client of the scene's stack.
func (s *scene) writes() *cluster.Client {
	s.Helper()
	client, err := cluster.New(s.config, cluster.Options{Version: "test"})
	require.NoError(s, err)
	return client
}

// make has the product make one change.
func (s *scene) make(change plan.Change, options cluster.WriteOptions) *unstructured.Unstructured {
	s.Helper()
	result, err := s.writes().Apply(s.Context(), plan.Plan{Changes: []plan.Change{change}}, cluster.ApplyOptions{WriteOptions: options})
	require.NoError(s, err)
	require.Len(s, result.Done, 1)
	for _, note := range result.Done[0].Notes {
		assert.True(s, strings.HasPrefix(note, "takes over what kubectl-client-side-apply set in "), note)
	}
	return result.Done[0].Stored
}

// applier is how the owner of an object brings it into the cluster.
type applier struct {
	name  string
	apply func(s *scene, manifest string) error
}

// serverSide applies as a controller does.
func serverSide(manager string, force bool) func(*scene, string) error {
	return func(s *scene, manifest string) error {
		object := &unstructured.Unstructured{}
		if err := kubeyaml.Unmarshal([]byte(s.own(manifest)), &object.Object); err != nil {
			return err
		}
		resource := strings.ToLower(object.GetKind()) + "s"
		if resource == "deployments" {
			resource += ".apps"
		}
		_, err := s.resource(s.T, resource, s.namespace).Apply(s.Context(), object.GetName(), object, metav1.ApplyOptions{FieldManager: manager, Force: force})
		return err
	}
}

var appliers = []applier{
	{"Argo CD, server-side", serverSide("argocd-controller", true)},
	{"Flux", serverSide("kustomize-controller", true)},
	{"kubectl, server-side", serverSide("kubectl", false)},
	{"kubectl, client-side", func(s *scene, manifest string) error { return s.Apply(s.Context(), s.own(manifest)) }},
}

// ownedService is a Service with two ports of its owner's.
func ownedService(name, kind string, ports ...string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: test, labels: {app: server}}\nspec:\n  type: %s\n  selector: {app: server}\n  ports:\n  - %s\n",
		name, kind, strings.Join(ports, "\n  - "))
}

const (
	httpPort  = "{name: http, port: 8000, targetPort: 50051}"
	adminPort = "{name: admin, port: 9000, targetPort: 9000}"
)

// exposing is a change of all that the product changes of a Service: a port's name and appProtocol, and one more port.
func exposing(service *unstructured.Unstructured) plan.Change {
	port := map[string]any{"name": "grpc-8443", "port": int64(8443), "protocol": "TCP", "targetPort": int64(8443)}
	return plan.Change{Action: plan.Update, Object: service, Undo: plan.Remember, Edits: []plan.Edit{
		plan.Set(service, "grpc", "spec", "ports", "port=8000,protocol=TCP", "name"),
		plan.Set(service, "grpc", "spec", "ports", "port=8000,protocol=TCP", "appProtocol"),
		plan.Set(service, port, "spec", "ports", "port=8443,protocol=TCP"),
	}}
}

// undoing is the change that gives all noted fields their former values, where they still are as they were set.
func undoing(s *scene, object *unstructured.Unstructured) plan.Change {
	s.Helper()
	notes, err := plan.NotesOf(object)
	require.NoError(s, err)
	change := plan.Change{Action: plan.Update, Object: object, Undo: plan.Forget}
	for _, note := range notes {
		if now, _ := note.Path.Get(object.Object); plan.Fulfilled(now, note.New) {
			change.Edits = append(change.Edits, plan.Set(object, note.Old, note.Path...))
		} else {
			change.Forgotten = append(change.Forgotten, note.Path)
		}
	}
	return change
}

// unversioned is a whole object, managedFields and all, without what counts its writes.
func unversioned(object *unstructured.Unstructured) *unstructured.Unstructured {
	object = object.DeepCopy()
	for _, counted := range []string{"resourceVersion", "generation"} {
		unstructured.RemoveNestedField(object.Object, "metadata", counted)
	}
	return object
}

// portsOf are a Service's ports as "number name".
func portsOf(s *scene, name string) []string {
	s.Helper()
	var ports []string
	for _, port := range field[[]any](s, s.get("services", name), "spec", "ports") {
		fields := port.(map[string]any)
		ports = append(ports, fmt.Sprintf("%v %v", fields["port"], fields["name"]))
	}
	return ports
}

// What the product changes inside an object of somebody else's is nobody's, and undoing it leaves the whole object as it was,
// with its owners and their times.
func TestOwnershipIsGivenUp(t *testing.T) {
	s := on(t, onNone)
	for number, owner := range appliers {
		for _, kind := range []string{"ClusterIP", "LoadBalancer"} {
			t.Run(owner.name+" "+kind, func(t *testing.T) {
				name := fmt.Sprintf("server-%d-%s", number, strings.ToLower(kind))
				require.NoError(t, owner.apply(s, ownedService(name, kind, httpPort, adminPort)))
				before := s.get("services", name)

				stored := s.make(exposing(before), cluster.WriteOptions{ForceConflicts: true})
				assert.Equal(t, s.get("services", name), stored, "what is handed back is what is stored")
				assert.Equal(t, []string{"8000 grpc", "9000 admin", "8443 grpc-8443"}, portsOf(s, name))
				assert.Equal(t, before.GetManagedFields(), stored.GetManagedFields())

				after := s.make(undoing(s, stored), cluster.WriteOptions{})
				assert.Equal(t, unversioned(before), unversioned(after))
			})
		}
	}
}

// An owner can move, drop and rename ports, while the Service is exposed and after it was.
func TestOwnersMoveOn(t *testing.T) {
	s := on(t, onNone)
	moves := map[string]struct {
		ports []string
		// want are the ports afterwards, but for the one that was added.
		want []string
	}{
		"moved":             {[]string{"{name: http, port: 8001, targetPort: 50051}", adminPort}, []string{"8001 http", "9000 admin"}},
		"dropped":           {[]string{adminPort}, []string{"9000 admin"}},
		"renamed":           {[]string{"{name: web, port: 8000, targetPort: 50051}", adminPort}, []string{"8000 web", "9000 admin"}},
		"same":              {[]string{httpPort, adminPort}, []string{"8000 http", "9000 admin"}},
		"swapped":           {[]string{"{name: admin, port: 8000, targetPort: 50051}", "{name: http, port: 9000, targetPort: 9000}"}, []string{"8000 admin", "9000 http"}},
		"the other dropped": {[]string{httpPort}, []string{"8000 http"}},
	}
	count := 0
	for _, owner := range appliers {
		for move, test := range moves {
			for _, undone := range []bool{false, true} {
				count++
				name := fmt.Sprintf("server-%d", count)
				t.Run(fmt.Sprintf("%s, %s, undone %t", owner.name, move, undone), func(t *testing.T) {
					require.NoError(t, owner.apply(s, ownedService(name, "ClusterIP", httpPort, adminPort)))
					stored := s.make(exposing(s.get("services", name)), cluster.WriteOptions{ForceConflicts: true})
					want := append(test.want, "8443 grpc-8443")
					if undone {
						s.make(undoing(s, stored), cluster.WriteOptions{})
						want = test.want
					}
					require.NoError(t, owner.apply(s, ownedService(name, "ClusterIP", test.ports...)))
					assert.ElementsMatch(t, want, portsOf(s, name))

					// Undone now, at the latest, nothing is left of it.
					s.make(undoing(s, s.get("services", name)), cluster.WriteOptions{})
					assert.ElementsMatch(t, test.want, portsOf(s, name))
					require.NoError(t, owner.apply(s, ownedService(name, "ClusterIP", adminPort)))
					assert.Equal(t, []string{"9000 admin"}, portsOf(s, name))
					assert.NotContains(t, s.get("services", name).GetAnnotations(), plan.UndoAnnotation)
				})
			}
		}
	}
}

// The same holds for a namespace's label, and for a pod template, whose controller writes at the same time.
func TestOwnershipOfLabelsAndTemplates(t *testing.T) {
	s := on(t, onNone)
	for _, owner := range appliers[:2] {
		t.Run(owner.name, func(t *testing.T) {
			namespace := "apiVersion: v1\nkind: Namespace\nmetadata: {name: test, labels: {team: shop%s}}"
			require.NoError(t, owner.apply(s, fmt.Sprintf(namespace, "")))
			before := s.get("namespaces", "test")
			label := plan.Change{Action: plan.Update, Object: before, Undo: plan.Remember,
				Edits: []plan.Edit{plan.Set(before, "enabled", "metadata", "labels", "istio-injection")}}
			stored := s.make(label, cluster.WriteOptions{})
			assert.Equal(t, "enabled", stored.GetLabels()["istio-injection"])
			assert.Equal(t, unversioned(before), unversioned(s.make(undoing(s, stored), cluster.WriteOptions{})))
			s.make(label, cluster.WriteOptions{})
			require.NoError(t, owner.apply(s, fmt.Sprintf(namespace, ", istio-injection: disabled")))
			require.NoError(t, owner.apply(s, fmt.Sprintf(namespace, "")))
			assert.NotContains(t, s.get("namespaces", "test").GetLabels(), "istio-injection", "who has set it can remove it")
			s.make(undoing(s, s.get("namespaces", "test")), cluster.WriteOptions{})

			require.NoError(t, owner.apply(s, server))
			s.settled()
			deployment := s.get("deployments.apps", "server")
			template := []string{"spec", "template", "metadata"}
			stored = s.make(plan.Change{Action: plan.Restart, Object: deployment, Undo: plan.Remember, Edits: []plan.Edit{
				plan.Set(deployment, "true", append(template, "labels", "sidecar.istio.io/inject")...),
				plan.Set(deployment, "2026-01-01T00:00:00Z", append(template, "annotations", "kubectl.kubernetes.io/restartedAt")...),
			}}, cluster.WriteOptions{})
			owners := func(object *unstructured.Unstructured) []metav1.ManagedFieldsEntry {
				var theirs []metav1.ManagedFieldsEntry
				for _, entry := range object.GetManagedFields() {
					if entry.Manager != "kube-controller-manager" {
						theirs = append(theirs, entry)
					}
				}
				return theirs
			}
			assert.Equal(t, owners(deployment), owners(stored))
			s.settled()
			assert.Equal(t, owners(deployment), owners(s.get("deployments.apps", "server")))
			after := s.make(undoing(s, s.get("deployments.apps", "server")), cluster.WriteOptions{})
			assert.Equal(t, deployment.Object["spec"], after.Object["spec"])
			assert.Equal(t, owners(deployment), owners(after))
			require.NoError(t, owner.apply(s, server))
		})
	}
}

// What a field manager that the user names has owned before stays its own, and what an interrupted run has left of ours goes.
func TestOwnershipOfOurNames(t *testing.T) {
	s := on(t, onNone)
	s.put(ownedService("server", "ClusterIP", httpPort, adminPort))
	require.NoError(t, serverSide("team", true)(s, "apiVersion: v1\nkind: Service\nmetadata: {name: server, namespace: test, labels: {tier: web}}"))
	before := s.get("services", "server")
	stored := s.make(exposing(before), cluster.WriteOptions{FieldManager: "team"})
	assert.Equal(t, before.GetManagedFields(), stored.GetManagedFields())
	after := s.make(undoing(s, stored), cluster.WriteOptions{FieldManager: "team"})
	assert.Equal(t, unversioned(before), unversioned(after))

	for _, left := range []string{
		`[{"op":"add","path":"/metadata/labels/left","value":"over"}]`,
		`[{"op":"add","path":"/spec/ports/0/appProtocol","value":"grpc"}]`,
	} {
		s.kubectl("patch", "service", "server", "-n", "test", "--field-manager=kubectl-grpcexpose", "--type=json", "-p", left)
	}
	require.NoError(t, serverSide("kubectl-grpcexpose", true)(s,
		"apiVersion: v1\nkind: Service\nmetadata: {name: server, namespace: test}\nspec: {ports: [{port: 9000, appProtocol: http}]}"))
	service := s.get("services", "server")
	stored = s.make(plan.Change{Action: plan.Update, Object: service, Edits: []plan.Edit{plan.Set(service, "x", "metadata", "labels", "more")}}, cluster.WriteOptions{})
	for _, entry := range stored.GetManagedFields() {
		assert.NotEqual(t, cluster.DefaultFieldManager, entry.Manager)
	}
	assert.Equal(t, "over", stored.GetLabels()["left"], "the values stay")
	assert.Equal(t, []string{"8000 http", "9000 admin"}, portsOf(s, "server"))
}

// An object whose fields nobody owns gets no owners either.
func TestOwnershipOfWhatNobodyOwns(t *testing.T) {
	s := on(t, onNone)
	s.put(ownedService("server", "ClusterIP", httpPort, adminPort))
	s.kubectl("patch", "service", "server", "-n", "test", "--type=merge", "-p", `{"metadata":{"managedFields":[{}]}}`)
	before := s.get("services", "server")
	require.Empty(t, before.GetManagedFields())
	stored := s.make(exposing(before), cluster.WriteOptions{})
	assert.Empty(t, stored.GetManagedFields())
	assert.Equal(t, unversioned(before), unversioned(s.make(undoing(s, stored), cluster.WriteOptions{})))
}

// A port that the product has added is removed although the API server has given it more fields and the owner has put the
// ports in another order; in a namespace that is being deleted the error names it.
func TestRemovalOfAPort(t *testing.T) {
	s := on(t, onNone)
	s.put(ownedService("server", "LoadBalancer", httpPort, adminPort))
	stored := s.make(exposing(s.get("services", "server")), cluster.WriteOptions{})
	removal := plan.Change{Action: plan.Update, Object: stored, Edits: []plan.Edit{{
		Path: plan.Path{"spec", "ports", "port=8443,protocol=TCP"},
		Old:  map[string]any{"name": "grpc-8443", "port": int64(8443), "protocol": "TCP", "targetPort": int64(8443)},
	}}}
	ports := field[[]any](s, stored, "spec", "ports")
	ports = []any{ports[2], ports[1], ports[0]}
	text, err := kubeyaml.Marshal(map[string]any{"spec": map[string]any{"ports": ports}})
	require.NoError(t, err)
	s.kubectl("patch", "service", "server", "-n", "test", "--type=merge", "-p", string(text))
	require.Equal(t, []string{"8443 grpc-8443", "9000 admin", "8000 grpc"}, portsOf(s, "server"))
	s.make(removal, cluster.WriteOptions{})
	assert.Equal(t, []string{"9000 admin", "8000 grpc"}, portsOf(s, "server"))

	pod := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: holds, namespace: test, finalizers: [grpcexpose.test/holds]}"
	s.put(pod)
	s.kubectl("delete", "namespace", "test", "--wait=false")
	t.Cleanup(func() {
		_, err := s.Kubectl(cleanup, "patch", "configmap", "holds", "-n", s.namespace, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
		assert.NoError(t, err)
	})
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.Empty(c, s.list("services")) }, rolloutPatience, pause)
	created := stored.DeepCopy()
	created.Object = map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "new", "namespace": s.namespace},
		"spec": map[string]any{"ports": []any{map[string]any{"port": int64(1)}}}}
	for name, change := range map[string]plan.Change{"server": exposing(stored), "new": {Action: plan.Create, Object: created}} {
		_, err := s.writes().Apply(s.Context(), plan.Plan{Changes: []plan.Change{change}}, cluster.ApplyOptions{})
		assert.EqualError(t, err, fmt.Sprintf("Service %[1]s/%[2]s cannot be written: namespace %[1]s is being deleted; run the command again once the namespace exists again", s.namespace, name))
	}
}
