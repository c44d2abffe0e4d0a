package execution

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/internal/golden"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// stored is a workload, its Service and its Namespace as the API server stores them, beside a gateway of the platform.
const stored = `
apiVersion: v1
kind: Namespace
metadata: {name: pay, uid: u1, resourceVersion: "7", labels: {kubernetes.io/metadata.name: pay, team: pay}}
spec: {finalizers: [kubernetes]}
status: {phase: Active}
---
apiVersion: v1
kind: Service
metadata:
  name: ledger
  namespace: pay
  finalizers: [service.kubernetes.io/load-balancer-cleanup]
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"spec":{"ports":[{"port":8000,"targetPort":50051}],"sessionAffinity":"None"}}'}
spec:
  clusterIP: 10.0.0.7
  clusterIPs: [10.0.0.7]
  ipFamilies: [IPv4]
  ipFamilyPolicy: SingleStack
  internalTrafficPolicy: Cluster
  sessionAffinity: None
  type: NodePort
  selector: {app: ledger}
  ports: [{name: http, port: 8000, protocol: TCP, targetPort: 50051, nodePort: 30007}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ledger, namespace: pay, generation: 3, annotations: {deployment.kubernetes.io/revision: "2"}}
spec:
  replicas: 2
  revisionHistoryLimit: 10
  progressDeadlineSeconds: 600
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}}
  selector: {matchLabels: {app: ledger}}
  template:
    metadata: {labels: {app: ledger}, creationTimestamp: null}
    spec:
      restartPolicy: Always
      dnsPolicy: ClusterFirst
      schedulerName: default-scheduler
      securityContext: {}
      terminationGracePeriodSeconds: 30
      containers:
      - name: ledger
        image: example.com/ledger:1.0
        imagePullPolicy: IfNotPresent
        resources: {}
        terminationMessagePath: /dev/termination-log
        terminationMessagePolicy: File
        ports: [{containerPort: 50051, protocol: TCP}]
        readinessProbe: {grpc: {port: 50051, service: ""}, timeoutSeconds: 1, periodSeconds: 5, successThreshold: 1, failureThreshold: 3}
`

// What goes into a repository is what its owner would write, with the changed fields, and nothing of anybody else's.
func TestForRepository(t *testing.T) {
	snapshot := corpus.Mesh(t, "good-plain").With(mesh.Change{Put: corpus.Objects(t, stored)})
	intent := ledger()
	intent.Port, intent.OpenGatewayPort = 9999, true
	result := planned(t, intent, snapshot)
	streams, out, problems := report.FakeStreams("")
	require.NoError(t, (&Execution{Streams: streams, Plan: result.Plan, Namespace: "pay", Options: Options{Output: "yaml", DryRun: DryRunClient}}).PrintManifests())
	golden.Compare(t, "testdata/repository.yaml", out.String())
	for _, unwanted := range []string{"clusterIP", "ipFamil", "nodePort", "finalizers", "uid", "resourceVersion", "restartedAt", "grpcexpose/undo", "istio-ingressgateway", "terminationMessage"} {
		assert.NotContains(t, out.String(), unwanted)
	}
	assert.Contains(t, problems.String(), "Service istio-system/istio-ingressgateway, which belongs to namespace istio-system")
	assert.Contains(t, problems.String(), `kubectl patch service istio-ingressgateway -n istio-system -p '{"spec":{"ports":[{`)

	out.Reset()
	require.NoError(t, (&Execution{Streams: streams, Plan: result.Plan, Namespace: "pay", Options: Options{Output: "name", DryRun: DryRunClient}}).PrintManifests())
	assert.Contains(t, out.String(), "service/istio-ingressgateway", "names are those of all that changes")
}

// A restart alone changes nothing that a repository has.
func TestRestartIsNoManifest(t *testing.T) {
	snapshot := corpus.Mesh(t, "gx106-pod-predates-injection")
	intent := expose.Intent{Namespace: "iot", Name: "telemetry", Inject: expose.InjectNamespace, Restart: remedy.RestartWorkload}
	result := planned(t, intent, snapshot)
	require.NotEmpty(t, result.Rollouts)
	streams, out, problems := report.FakeStreams("")
	require.NoError(t, (&Execution{Streams: streams, Plan: result.Plan, Namespace: "iot", Options: Options{Output: "json", DryRun: DryRunClient}}).PrintManifests())
	var list unstructured.UnstructuredList
	require.NoError(t, json.Unmarshal(out.Bytes(), &list))
	for _, item := range list.Items {
		assert.NotEqual(t, "Deployment", item.GetKind())
	}
	assert.Contains(t, problems.String(), "kubectl rollout restart deployment/telemetry -n iot")
}

// planned is what create decides in a mesh of the corpus.
func planned(t *testing.T, intent expose.Intent, snapshot *mesh.Snapshot) *expose.Result {
	t.Helper()
	result, err := expose.Build(intent, snapshot)
	require.NoError(t, err)
	return result
}

func ledger() expose.Intent {
	return expose.Intent{
		Namespace: "pay", Name: "ledger", TargetPort: intstr.FromInt32(50051),
		Inject: expose.InjectNamespace, Restart: remedy.RestartWorkload,
	}
}
