package manifests

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

func parse(t *testing.T, stream string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := Parse([]byte(stream))
	require.NoError(t, err)
	return objects
}

// assertYAML compares the object with YAML.
func assertYAML(t *testing.T, expected string, object *unstructured.Unstructured) {
	t.Helper()
	actual, err := yaml.Marshal(object.Object)
	require.NoError(t, err)
	assert.YAMLEq(t, expected, string(actual))
}

func TestParseLeavesEmptyDocumentsOut(t *testing.T) {
	objects := parse(t, "---\n# nothing\n---\nkind: A\n---\n---\nkind: B\n")
	require.Len(t, objects, 2)
	assert.Equal(t, "A", objects[0].GetKind())
	assert.Equal(t, "B", objects[1].GetKind())
}

const injector = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata:
  name: injector
  labels: {istio.io/rev: "1-27"}
webhooks:
- name: a
  failurePolicy: Fail
  clientConfig:
    service: {name: istiod-1-27, namespace: istio-system, path: /inject, port: 443}
`

func TestCallLocallyChangesTheAddressAlone(t *testing.T) {
	objects := parse(t, injector+"---\nkind: ConfigMap\nmetadata: {name: other}\n")
	require.NoError(t, CallLocally(objects, map[string]int{"1-26": 1, "1-27": 20007}))
	assertYAML(t, `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata:
  name: injector
  labels: {istio.io/rev: "1-27"}
webhooks:
- name: a
  failurePolicy: Fail
  clientConfig: {url: "https://127.0.0.1:20007/inject"}
`, objects[0])
	assertYAML(t, "kind: ConfigMap\nmetadata: {name: other}\n", objects[1])
}

func TestCallLocallyRefusesARevisionThatNobodyServes(t *testing.T) {
	err := CallLocally(parse(t, injector), map[string]int{"default": 1})
	require.EqualError(t, err, `MutatingWebhookConfiguration injector belongs to revision "1-27", and no istiod of the stack serves it`)
}

func TestOpenGatewayPorts(t *testing.T) {
	ports := []corev1.ServicePort{{Name: "grpc", Port: 8000, TargetPort: intstr.FromInt32(8001), Protocol: corev1.ProtocolTCP}}
	objects := parse(t, "kind: Service\nmetadata: {name: istio-ingressgateway}\nspec: {type: LoadBalancer, ports: [{port: 80}, {port: 443}]}\n")
	require.NoError(t, OpenGatewayPorts(objects, ports))
	assertYAML(t, `
kind: Service
metadata: {name: istio-ingressgateway}
spec: {type: LoadBalancer, ports: [{name: grpc, port: 8000, targetPort: 8001, protocol: TCP}]}
`, objects[0])

	require.EqualError(t, OpenGatewayPorts(nil, ports), "the charts render no Service istio-ingressgateway")
}

func TestFailingPodsAreLeftToOneStage(t *testing.T) {
	const ready = "kind: Stage\nmetadata: {name: pod-ready}\nspec: {selector: {matchExpressions: [{key: .status.phase, operator: In, values: [Pending]}]}}\n"
	const other = "kind: Stage\nmetadata: {name: pod-delete}\nspec: {next: {delete: true}}\n"
	config, err := WithFailingPods([]byte(ready + "---\n" + other))
	require.NoError(t, err)
	stages := parse(t, string(config))
	require.Len(t, stages, 3)
	assertYAML(t, `
kind: Stage
metadata: {name: pod-ready}
spec:
  selector:
    matchExpressions:
    - {key: .status.phase, operator: In, values: [Pending]}
    - {key: '.metadata.annotations["stack.grpcexpose.test/fail"]', operator: DoesNotExist}
`, stages[0])
	assertYAML(t, other, stages[1])
	assert.Equal(t, "pod-fail", stages[2].GetName())
}

func TestArmed(t *testing.T) {
	tests := map[string]struct {
		webhooks string
		problem  string
	}{
		"armed":        {"[{name: a, failurePolicy: Fail, clientConfig: {caBundle: eA==}}]", ""},
		"no authority": {"[{name: a, failurePolicy: Fail, clientConfig: {}}]", "webhook a of w has no caBundle"},
		"fails open": {
			"[{name: a, failurePolicy: Fail, clientConfig: {caBundle: eA==}}, {name: b, failurePolicy: Ignore, clientConfig: {caBundle: eA==}}]",
			"webhook b of w has failurePolicy Ignore",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := armed(*parse(t, "kind: X\nmetadata: {name: w}\nwebhooks: "+test.webhooks)[0])
			if test.problem == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, test.problem)
			}
		})
	}
}
