package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

func TestRolloutStatus(t *testing.T) {
	for name, test := range map[string]struct {
		object mesh.Object
		yaml   string
		line   string
		done   bool
		err    string
	}{
		"deployment, unobserved": {&apps.Deployment{}, `{metadata: {generation: 2}, status: {observedGeneration: 1}}`, "waiting for the controller to see the change", false, ""},
		"deployment, first pods": {&apps.Deployment{}, `{spec: {replicas: 3}, status: {replicas: 4, updatedReplicas: 1}}`, "1 of 3 new pods are made", false, ""},
		"deployment, old pods":   {&apps.Deployment{}, `{spec: {replicas: 3}, status: {replicas: 4, updatedReplicas: 3}}`, "old pods yet to end: 1", false, ""},
		"deployment, not ready":  {&apps.Deployment{}, `{spec: {replicas: 3}, status: {replicas: 3, updatedReplicas: 3, availableReplicas: 2}}`, "2 of 3 new pods are ready", false, ""},
		"deployment, done":       {&apps.Deployment{}, `{spec: {replicas: 3}, status: {replicas: 3, updatedReplicas: 3, availableReplicas: 3}}`, "all 3 pods are new and ready", true, ""},
		"deployment, no pods to be made": {
			&apps.Deployment{},
			`{metadata: {name: server, namespace: test}, spec: {replicas: 1}, status: {conditions: [{type: ReplicaFailure, status: "True",
				message: 'pods "server-x" is forbidden: error looking up service account test/nobody: serviceaccount "nobody" not found'}]}}`,
			`0 of 1 new pods are made; its pods cannot be made: error looking up service account test/nobody: serviceaccount "nobody" not found`, false, "",
		},
		"deployment, paused": {
			&apps.Deployment{}, `{metadata: {name: server, namespace: test}, spec: {paused: true}}`, "", false,
			"it is paused; kubectl rollout resume deployment/server -n test lets it go on",
		},
		"deployment, too late": {
			&apps.Deployment{}, `{status: {conditions: [{type: Progressing, status: "False", reason: ProgressDeadlineExceeded}]}}`, "", false,
			"it made no progress within its progressDeadlineSeconds",
		},
		"stateful set, unobserved": {&apps.StatefulSet{}, `{status: {}}`, "waiting for the controller to see the change", false, ""},
		"stateful set, first pods": {&apps.StatefulSet{}, `{spec: {replicas: 3}, status: {observedGeneration: 1, updatedReplicas: 1, readyReplicas: 3}}`, "1 of 3 new pods are made", false, ""},
		"stateful set, not ready":  {&apps.StatefulSet{}, `{spec: {replicas: 3}, status: {observedGeneration: 1, updatedReplicas: 3, readyReplicas: 2}}`, "2 of 3 pods are ready", false, ""},
		"stateful set, revisions":  {&apps.StatefulSet{}, `{spec: {replicas: 1}, status: {observedGeneration: 1, updatedReplicas: 1, readyReplicas: 1, updateRevision: b, currentRevision: a}}`, "1 of 1 pods are of the new revision", false, ""},
		"stateful set, done":       {&apps.StatefulSet{}, `{spec: {replicas: 1}, status: {observedGeneration: 1, updatedReplicas: 1, readyReplicas: 1, updateRevision: b, currentRevision: b}}`, "all 1 pods are new and ready", true, ""},
		"stateful set, partition":  {&apps.StatefulSet{}, `{spec: {replicas: 3, updateStrategy: {rollingUpdate: {partition: 2}}}, status: {observedGeneration: 1, updatedReplicas: 1, readyReplicas: 3, updateRevision: b, currentRevision: a}}`, "1 pods are new and ready; its partition keeps 2 as they are", true, ""},
		"stateful set, by hand": {
			&apps.StatefulSet{}, `{spec: {updateStrategy: {type: OnDelete}}}`, "", false,
			"its update strategy is OnDelete: its pods are made anew only when you delete them, one by one",
		},
		"daemon set, first pods": {&apps.DaemonSet{}, `{status: {desiredNumberScheduled: 2, updatedNumberScheduled: 1}}`, "1 of 2 new pods are made", false, ""},
		"daemon set, not ready":  {&apps.DaemonSet{}, `{status: {desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 1}}`, "1 of 2 new pods are ready", false, ""},
		"daemon set, done":       {&apps.DaemonSet{}, `{status: {desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2}}`, "all 2 pods are new and ready", true, ""},
		"daemon set, by hand": {
			&apps.DaemonSet{}, `{spec: {updateStrategy: {type: OnDelete}}}`, "", false,
			"its update strategy is OnDelete: its pods are made anew only when you delete them, one by one",
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, yaml.UnmarshalStrict([]byte(test.yaml), test.object))
			rollout := workload.RolloutOf(test.object)
			assert.Equal(t, test.line, lineOf(rollout, mesh.Key{Kind: mesh.KindDeployment, Namespace: "test", Name: "server"}))
			assert.Equal(t, test.done, rollout.Done)
			assert.Equal(t, test.err, rollout.Stalled)
		})
	}
}

func TestPodProblem(t *testing.T) {
	for name, test := range map[string]struct{ status, want string }{
		"ready":           {`{conditions: [{type: Ready, status: "True"}]}`, ""},
		"no node":         {`{conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: no memory}]}`, "no node takes it (Unschedulable: no memory)"},
		"no image":        {`{containerStatuses: [{name: app, state: {waiting: {reason: ImagePullBackOff, message: not found}}}]}`, "container app: ImagePullBackOff (not found)"},
		"crashes":         {`{containerStatuses: [{name: app, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled}}}]}`, "container app: CrashLoopBackOff, it ended with exit code 137 (OOMKilled)"},
		"init fails":      {`{initContainerStatuses: [{name: istio-init, state: {terminated: {exitCode: 1, reason: Error}}}], containerStatuses: [{name: app, state: {waiting: {reason: PodInitializing}}}]}`, "container istio-init ended with exit code 1 (Error)"},
		"not ready":       {`{containerStatuses: [{name: istio-proxy, ready: true, state: {running: {}}}, {name: app, state: {running: {}}}]}`, "container app runs but is not ready"},
		"being started":   {`{phase: Pending, containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]}`, "it is pending and not ready"},
		"nothing is said": {`{}`, "it is pending and not ready"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &core.Pod{}
			require.NoError(t, yaml.UnmarshalStrict([]byte(test.status), &pod.Status))
			assert.Equal(t, test.want, podProblem(pod))
		})
	}
}

const deploymentPath = "/apis/apps/v1/namespaces/test/deployments"

var serverKey = mesh.Key{Kind: mesh.KindDeployment, Namespace: "test", Name: "server"}

// deployment is one with that many new pods of two ready.
func deployment(version, ready int) string {
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: server, namespace: test, resourceVersion: "%d"},
		spec: {replicas: 2, selector: {matchLabels: {app: server}}, template: {metadata: {labels: {app: server}}}},
		status: {replicas: 2, updatedReplicas: 2, availableReplicas: %d}}`, version, ready)
}

// watching answers with events and, if it is to last, keeps the watch open until the client ends it.
func watching(t *testing.T, lasts bool, events ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "metadata.name=server", r.URL.Query().Get("fieldSelector"))
		w.Header().Set("Content-Type", "application/json")
		for _, event := range events {
			data, err := yaml.YAMLToJSON([]byte(event))
			assert.NoError(t, err)
			_, _ = w.Write(append(data, '\n'))
		}
		w.(http.Flusher).Flush()
		if lasts {
			<-r.Context().Done()
		}
	}
}

func TestWaitRollout(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET "+deploymentPath+"/server", reply(deployment(1, 0)))
	f.on("GET "+deploymentPath, watching(t, true, `{type: MODIFIED, object: `+deployment(2, 1)+`}`, `{type: MODIFIED, object: `+deployment(3, 1)+`}`, `{type: MODIFIED, object: `+deployment(4, 2)+`}`))
	pod := func(name, annotations, more string) string {
		return `{metadata: {name: ` + name + `, namespace: test, labels: {app: server, pod-template-hash: abc}, annotations: {` + annotations + `}, ` + more +
			` ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: server-abc, uid: u, controller: true}]}}`
	}
	f.on("GET /api/v1/namespaces/test/pods", reply(listOf("Pod",
		pod("server-abc-1", "sidecar.istio.io/status: x", ""),
		pod("server-abc-old", "", `deletionTimestamp: "2026-11-22T10:00:00Z",`),
		pod("server-abc-2", "", ""))))

	var lines []string
	options := RolloutOptions{Progress: func(line string) { lines = append(lines, line) }}
	require.NoError(t, f.client.WaitRollout(t.Context(), serverKey, options))
	assert.Equal(t, []string{"0 of 2 new pods are ready", "1 of 2 new pods are ready", "all 2 pods are new and ready"}, lines)
	assert.Equal(t, []string{"GET " + deploymentPath, "GET " + deploymentPath + "/server"}, f.asked(), "one read and one watch, no polling")

	options.Accept = func(pod *core.Pod) (string, bool) {
		_, ok := pod.Annotations["sidecar.istio.io/status"]
		return "it has no proxy", ok
	}
	err := f.client.WaitRollout(t.Context(), serverKey, options)
	assert.EqualError(t, err, "Deployment test/server has rolled out, but not as it should: pod server-abc-2: it has no proxy")
}

func TestWaitRolloutGoesOnAfterAWatchEnds(t *testing.T) {
	f := newFakeServer(t)
	reads := 0
	f.on("GET "+deploymentPath+"/server", func(w http.ResponseWriter, r *http.Request) {
		reads++
		reply(deployment(reads, reads-1))(w, r)
	})
	f.on("GET "+deploymentPath, watching(t, false, `{type: ERROR, object: {apiVersion: v1, kind: Status, status: Failure, reason: Expired, code: 410}}`))
	require.NoError(t, f.client.WaitRollout(t.Context(), serverKey, RolloutOptions{}))
	assert.Equal(t, 3, reads)
}

func TestWaitRolloutExplainsATimeout(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET "+deploymentPath+"/server", reply(deployment(1, 0)))
	f.on("GET "+deploymentPath, watching(t, true))
	f.on("GET /api/v1/namespaces/test/pods", reply(listOf("Pod", `{metadata: {name: server-1, namespace: test, labels: {app: server}},
		status: {containerStatuses: [{name: app, state: {running: {}}}]}}`)))
	f.on("GET /api/v1/namespaces/test/events", func(w http.ResponseWriter, r *http.Request) {
		assert.ElementsMatch(t, []string{"involvedObject.kind=Pod", "involvedObject.name=server-1", "type=Warning"},
			strings.Split(r.URL.Query().Get("fieldSelector"), ","))
		reply(listOf("Event", `{message: "Readiness probe failed: timeout", lastTimestamp: "2026-11-22T10:00:02Z"}`, `{message: older, lastTimestamp: "2026-11-22T10:00:01Z"}`))(w, r)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := f.client.WaitRollout(ctx, serverKey, RolloutOptions{})
	assert.EqualError(t, err, "the time limit was reached while waiting for the rollout of Deployment test/server: "+
		"pod server-1: container app runs but is not ready; Readiness probe failed: timeout")

	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	assert.ErrorIs(t, f.client.WaitRollout(ctx, serverKey, RolloutOptions{}), context.Canceled)
}

func TestWaitRolloutOfWhatIsNotThere(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET "+deploymentPath+"/server", fail(http.StatusNotFound, metav1.StatusReasonNotFound, `deployments.apps "server" not found`))
	err := f.client.WaitRollout(t.Context(), serverKey, RolloutOptions{})
	assert.EqualError(t, err, "Deployment test/server does not exist; check its name, its namespace and the kubeconfig context")
}

func TestExplainRolloutOfAStatefulSetByItsEvents(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET /apis/apps/v1/namespaces/test/statefulsets/server", reply(`{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: server, namespace: test}, spec: {replicas: 1}}`))
	f.on("GET /api/v1/namespaces/test/events", reply(listOf("Event", `{message: 'create Pod server-0 in StatefulSet server failed error: pods "server-0" is forbidden: exceeded quota: small, requested: pods=1, used: pods=5, limited: pods=5'}`)))
	key := mesh.Key{Kind: mesh.KindStatefulSet, Namespace: "test", Name: "server"}
	assert.Equal(t, "a new pod of StatefulSet test/server: ResourceQuota small leaves no room for it (requested: pods=1, used: pods=5, limited: pods=5); raise the quota or free some of it",
		f.client.explainRollout(t.Context(), key))
}

func TestWaitPortOpen(t *testing.T) {
	retryBackoff = wait.Backoff{Duration: time.Millisecond, Steps: 3}
	f := newFakeServer(t)
	gateway := func(ports string) string {
		return `{apiVersion: v1, kind: Service, metadata: {name: server, namespace: test, resourceVersion: "1"}, spec: {ports: [` + ports + `]}}`
	}
	f.on("GET "+servicePath, reply(gateway(`{port: 80}, {port: 8000, protocol: UDP}`)))
	f.on("GET /api/v1/namespaces/test/services", watching(t, true, `{type: MODIFIED, object: `+gateway(`{port: 80}, {port: 8000, protocol: TCP}`)+`}`))
	name := types.NamespacedName{Namespace: "test", Name: "server"}
	require.NoError(t, f.client.WaitPortOpen(t.Context(), name, 8000))

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	assert.EqualError(t, f.client.WaitPortOpen(ctx, name, 9000), "the time limit was reached while waiting for port 9000 of Service test/server to be opened")
}

// Who may read the Service and not watch it waits all the same.
func TestWaitPortOpenWithoutWatch(t *testing.T) {
	f := newFakeServer(t)
	looks := 0
	f.on("GET "+servicePath, func(w http.ResponseWriter, r *http.Request) {
		ports := "{port: 80}"
		if looks++; looks > 1 {
			ports = "{port: 8000}"
		}
		reply(`{apiVersion: v1, kind: Service, metadata: {name: server, namespace: test, resourceVersion: "1"}, spec: {ports: [`+ports+`]}}`)(w, r)
	})
	f.on("GET /api/v1/namespaces/test/services", mayNotDo("watch", "services", ""))
	require.NoError(t, f.client.WaitPortOpen(t.Context(), types.NamespacedName{Namespace: "test", Name: "server"}, 8000))
}

func TestRecordEvent(t *testing.T) {
	f := newFakeServer(t)
	object := &apps.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "server", Namespace: "test", UID: "u"}}
	var recorded *core.Event
	f.on("POST /api/v1/namespaces/test/events", func(w http.ResponseWriter, r *http.Request) {
		recorded = decoded[*core.Event](t, r)
		_ = json.NewEncoder(w).Encode(recorded)
	})
	assert.Empty(t, f.client.RecordEvent(t.Context(), object, core.EventTypeNormal, "Exposed", "exposed at 8000"))
	assert.Equal(t, core.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "test", Name: "server", UID: "u"}, recorded.InvolvedObject)
	assert.Equal(t, "kubectl-grpcexpose: Normal Exposed exposed at 8000", recorded.Source.Component+": "+recorded.Type+" "+recorded.Reason+" "+recorded.Message)

	f.on("POST /api/v1/namespaces/test/events", fail(http.StatusForbidden, metav1.StatusReasonForbidden,
		`events is forbidden: User "carol" cannot create resource "events" in API group "" in the namespace "test"`))
	assert.Equal(t, "no Event was recorded: you may not create events in namespace test; ask an administrator for a Role that allows it",
		f.client.RecordEvent(t.Context(), object, core.EventTypeNormal, "Exposed", "exposed"))
}
