package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

const (
	teams, workloadsOfTeam = 20, 3
	runners                = 8
	gatewayService         = "istio-ingressgateway"
)

// neighbourhood is several teams with a namespace each, whose workloads are exposed and taken back at the same time, while an
// applier as Argo CD's keeps their Services as their repository has them.
type neighbourhood struct {
	*scene
	lock sync.Mutex
	// exposed are the workloads between the end of their create and the begin of their delete.
	exposed map[string]bool
	// deleted is the namespace that somebody deletes as a whole in between.
	deleted string
}

func (n *neighbourhood) team(number int) string { return fmt.Sprintf("%s-t%02d", n.namespace, number) }

// in is the scene of a team's namespace.
func (n *neighbourhood) in(team int) *scene {
	return &scene{T: n.T, sharedStack: n.sharedStack, namespace: n.team(team), kubeconfig: n.kubeconfig}
}

func portOf(team int) int { return 9100 + team%3 }

// manifests are a team's, as its repository has them: Services whose ports have no names, or the wrong protocol's.
func (n *neighbourhood) manifests(team int) string {
	namespace := n.team(team)
	text := fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", namespace)
	for i := range workloadsOfTeam {
		text += fmt.Sprintf(`---
apiVersion: apps/v1
kind: Deployment
metadata: {name: w%[2]d, namespace: %[1]s}
spec:
  replicas: 1
  selector: {matchLabels: {app: w%[2]d}}
  template:
    metadata: {labels: {app: w%[2]d}}
    spec: {containers: [{name: server, image: "docker.io/imroc/grpc_server:latest"}]}
`, namespace, i)
		if i < 2 {
			text += fmt.Sprintf(`---
apiVersion: v1
kind: Service
metadata: {name: w%[2]d, namespace: %[1]s}
spec: {selector: {app: w%[2]d}, ports: [{port: 8000, targetPort: 50051}]}
`, namespace, i)
		}
	}
	return text
}

// sync applies a team's Services as Argo CD does.
func (n *neighbourhood) sync(ctx context.Context, team int) error {
	for i := range 2 {
		object := map[string]any{
			"apiVersion": "v1", "kind": "Service",
			"metadata": map[string]any{"name": fmt.Sprintf("w%d", i), "namespace": n.team(team)},
			"spec": map[string]any{"selector": map[string]any{"app": fmt.Sprintf("w%d", i)}, "ports": []any{
				map[string]any{"port": 8000, "protocol": "TCP", "targetPort": 50051},
			}},
		}
		body, err := json.Marshal(object)
		if err != nil {
			return err
		}
		force := true
		_, err = n.resource(n.T, "services", n.team(team)).Patch(ctx, fmt.Sprintf("w%d", i), types.ApplyPatchType, body,
			metav1.PatchOptions{FieldManager: "argocd-controller", Force: &force})
		if err != nil {
			return err
		}
	}
	return nil
}

// workload is one of a team's, with the operations on it in their order.
type neighbour struct{ team, number int }

func (w neighbour) name() string { return fmt.Sprintf("deployment/w%d", w.number) }

func (n *neighbourhood) key(w neighbour) string {
	return fmt.Sprintf("%s/w%d", n.team(w.team), w.number)
}

func (n *neighbourhood) create(w neighbour) {
	result := n.in(w.team).runQuietly("create", w.name(), "--target-port", "50051", "--port", fmt.Sprint(portOf(w.team)),
		"--open-gateway-port", "--host", fmt.Sprintf("w%d.%s.example.com", w.number, n.team(w.team)), "--timeout", "2m")
	n.lock.Lock()
	defer n.lock.Unlock()
	if n.team(w.team) == n.deleted {
		return
	}
	assert.Equal(n, 0, result.code, "create of %s: %s%s", n.key(w), result.stdout, result.stderr)
	n.exposed[n.key(w)] = true
}

func (n *neighbourhood) takeBack(w neighbour) {
	n.lock.Lock()
	delete(n.exposed, n.key(w))
	n.lock.Unlock()
	result := n.in(w.team).runQuietly("delete", w.name(), "--timeout", "2m")
	n.lock.Lock()
	defer n.lock.Unlock()
	if n.team(w.team) != n.deleted {
		assert.Equal(n, 0, result.code, "delete of %s: %s%s", n.key(w), result.stdout, result.stderr)
	}
}

// whole holds that every workload that is exposed now has its route, Gateway, open port and label.
func (n *neighbourhood) whole() {
	n.lock.Lock()
	defer n.lock.Unlock()
	service, err := n.resource(n.T, "services", "istio-system").Get(n.Context(), gatewayService, metav1.GetOptions{})
	require.NoError(n, err)
	ports, _, _ := unstructured.NestedSlice(service.Object, "spec", "ports")
	open := func(number int) bool {
		return slices.ContainsFunc(ports, func(port any) bool { return port.(map[string]any)["port"] == int64(number) })
	}
	for team := range teams {
		for number := range workloadsOfTeam {
			w := neighbour{team, number}
			if !n.exposed[n.key(w)] {
				continue
			}
			for _, resource := range []string{"virtualservices.networking.istio.io", "gateways.networking.istio.io", "services"} {
				list, err := n.resource(n.T, resource, n.team(team)).List(n.Context(), metav1.ListOptions{})
				require.NoError(n, err)
				assert.NotEmpty(n, list.Items, "%s of %s while %s is exposed", resource, n.team(team), n.key(w))
			}
			_, err := n.resource(n.T, "virtualservices.networking.istio.io", n.team(team)).Get(n.Context(), fmt.Sprintf("w%d", number), metav1.GetOptions{})
			assert.NoError(n, err)
			assert.True(n, open(portOf(team)), "port %d is closed while %s is exposed", portOf(team), n.key(w))
			namespace, err := n.resource(n.T, "namespaces", "").Get(n.Context(), n.team(team), metav1.GetOptions{})
			require.NoError(n, err)
			assert.Equal(n, "enabled", namespace.GetLabels()["istio-injection"], "while %s is exposed", n.key(w))
		}
	}
}

// picture is every object of the teams and of the gateway with its managedFields, but for what controllers count and report.
// Without templates the traces of restarts are left out.
func (n *neighbourhood) picture(templates bool) map[string]string {
	picture := map[string]string{}
	add := func(object unstructured.Unstructured) {
		kept := slices.DeleteFunc(object.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
			return entry.Manager == "kube-controller-manager" || entry.Subresource != "" || object.GetKind() == "Deployment" && !templates
		})
		plain := written(object)
		plain.SetManagedFields(kept)
		if !templates && object.GetKind() == "Deployment" {
			unstructured.RemoveNestedField(plain.Object, "metadata", "annotations")
			unstructured.RemoveNestedField(plain.Object, "spec", "template", "metadata", "annotations")
		}
		text, err := yaml.Marshal(plain.Object)
		require.NoError(n, err)
		picture[object.GetKind()+" "+object.GetNamespace()+"/"+object.GetName()] = string(text)
	}
	for team := range teams {
		if n.team(team) == n.deleted {
			continue
		}
		namespace, err := n.resource(n.T, "namespaces", "").Get(n.Context(), n.team(team), metav1.GetOptions{})
		require.NoError(n, err)
		add(*namespace)
		for _, resource := range []string{"deployments.apps", "services", "gateways.networking.istio.io", "virtualservices.networking.istio.io"} {
			list, err := n.resource(n.T, resource, n.team(team)).List(n.Context(), metav1.ListOptions{})
			require.NoError(n, err)
			for _, object := range list.Items {
				add(object)
			}
		}
	}
	service, err := n.resource(n.T, "services", "istio-system").Get(n.Context(), gatewayService, metav1.GetOptions{})
	require.NoError(n, err)
	add(*service)
	return picture
}

// same compares two pictures object by object, so that a difference is short.
func (n *neighbourhood) same(before, after map[string]string) {
	n.Helper()
	for name, text := range after {
		assert.Equal(n, before[name], text, name)
	}
	for name := range before {
		if !strings.Contains(name, n.deleted) {
			assert.Contains(n, slices.Collect(maps.Keys(after)), name)
		}
	}
}

// Twenty teams expose three workloads each and take them back, in random order and eight at a time; an applier keeps their Services
// in sync, and one namespace is deleted as a whole in between. Nobody fails for another's sake, nobody who is exposed loses a part of
// his path, and in the end every object and every owner of a field is as at the start.
func TestNeighbours(t *testing.T) {
	s := on(t, onDefault)
	n := &neighbourhood{scene: s, exposed: map[string]bool{}}
	for team := range teams {
		require.NoError(t, s.Apply(s.Context(), n.manifests(team)))
		require.NoError(t, n.sync(s.Context(), team))
		t.Cleanup(func() {
			_ = s.resource(t, "namespaces", "").Delete(context.Background(), n.team(team), metav1.DeleteOptions{})
		})
	}
	// The teams of the namespace that is deleted later are not compared.
	doomed := n.team(teams - 1)
	before, beforeWhole := n.picture(false), n.picture(true)

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	ctx, stop := context.WithCancel(s.Context())
	var applier sync.WaitGroup
	applier.Go(func() {
		for ctx.Err() == nil {
			for team := range teams - 1 {
				if err := n.sync(ctx, team); err != nil && ctx.Err() == nil {
					assert.NoError(t, err)
				}
			}
			time.Sleep(pause)
		}
	})

	type step struct {
		workload neighbour
		created  bool
	}
	var ready []step
	for team := range teams {
		for number := range workloadsOfTeam {
			ready = append(ready, step{workload: neighbour{team, number}})
		}
	}
	var lock sync.Mutex
	left, done := 2*len(ready), 0
	take := func() (next step, ok bool) {
		lock.Lock()
		defer lock.Unlock()
		if len(ready) == 0 {
			return step{}, false
		}
		at := random.IntN(len(ready))
		next = ready[at]
		ready = slices.Delete(ready, at, at+1)
		return next, true
	}
	var group sync.WaitGroup
	for range runners {
		group.Go(func() {
			for {
				lock.Lock()
				over := done == left
				lock.Unlock()
				if over {
					return
				}
				next, ok := take()
				if !ok {
					time.Sleep(pause)
					continue
				}
				if next.created {
					n.takeBack(next.workload)
				} else {
					n.create(next.workload)
				}
				lock.Lock()
				done++
				half := done == left/2
				if !next.created {
					ready = append(ready, step{next.workload, true})
				}
				lock.Unlock()
				if half {
					n.lock.Lock()
					n.deleted = doomed
					for number := range workloadsOfTeam {
						delete(n.exposed, n.key(neighbour{teams - 1, number}))
					}
					n.lock.Unlock()
					assert.NoError(t, s.resource(t, "namespaces", "").Delete(s.Context(), doomed, metav1.DeleteOptions{}))
				}
				n.whole()
			}
		})
	}
	group.Wait()
	stop()
	applier.Wait()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, err := s.resource(t, "namespaces", "").Get(s.Context(), doomed, metav1.GetOptions{})
		assert.Error(c, err)
	}, rolloutPatience, pause)
	n.same(before, n.picture(false))

	// The traces of restarts are the proxies' that other teams' neighbours still had then: they go when they are asked to.
	s.runQuietly("delete", "--all", "-A", "--restart=namespace", "--timeout", "3m").exits(0)
	for team := range teams - 1 {
		result := n.in(team).runQuietly("delete", "--all", "--restart=namespace", "--dry-run", "--exit-code")
		assert.Equal(t, 0, result.code, "%s%s", result.stdout, result.stderr)
	}
	n.same(beforeWhole, n.picture(true))
}
