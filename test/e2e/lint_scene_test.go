package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// faulty is what somebody may have who has read half of the manual: a port named http, a Service that is open to the outside
// itself, a timeout that cuts streams. Its namespace is labelled later.
const faulty = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: server, namespace: test, labels: {app: server}}
spec:
  replicas: 2
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec: {containers: [{name: server, image: "registry.example.com/orders:1.4.2", ports: [{name: grpc, containerPort: 50051}], readinessProbe: {grpc: {port: 50051}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: server, namespace: test}
spec:
  type: NodePort
  selector: {app: server}
  ports: [{name: http, port: 8000, targetPort: 50051}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: server, namespace: test}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: ["orders.example.com"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: test}
spec: {hosts: ["orders.example.com"], gateways: [server], http: [{timeout: 10s, route: [{destination: {host: server, port: {number: 8000}}}]}]}
`

// meshless is a workload with its Service, for which no Istio is needed.
const meshless = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: server, namespace: test, labels: {app: server}}
spec:
  replicas: 2
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec: {containers: [{name: server, image: "registry.example.com/orders:1.4.2", ports: [{name: grpc, containerPort: 50051}], readinessProbe: {grpc: {port: 50051}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: server, namespace: test}
spec: {selector: {app: server}, ports: [{name: http, port: 8000, targetPort: 50051}]}
`

// faultyScene begins a scene with the faulty objects, whose pods are older than the namespace's label, which names a revision
// that is not there.
func faultyScene(t *testing.T, shared *sharedStack) *scene {
	t.Helper()
	s := on(t, shared)
	s.given(faulty)
	s.kubectl("label", "namespace", "test", "istio.io/rev=nosuch")
	return s
}

// lintReport is as much of the JSON report as tests look at.
type lintReport struct {
	Kind       string
	Findings   []lintFinding
	Skipped    []struct{ ID, Context, Reason string }
	Suppressed []struct{ ID, Reason string }
	Summary    struct{ Errors, Warnings, Infos, Suppressed, Checks int }
}

type lintFinding struct {
	ID, Level, State, Context string
	Object                    struct{ Kind, Namespace, Name string }
	Message                   string
}

// String is the finding as the corpus' headers write it.
func (f lintFinding) String() string {
	return fmt.Sprintf("%s %s/%s/%s", f.ID, f.Object.Kind, f.Object.Namespace, f.Object.Name)
}

// lint runs lint with JSON as its output and requires the exit code.
func (s *scene) lint(code int, flags ...string) lintReport {
	s.Helper()
	result := s.runQuietly(append([]string{"lint", "-o", "json"}, flags...)...).exits(code)
	return decodeReport(s, result.stdout)
}

func decodeReport(s *scene, output string) (report lintReport) {
	s.Helper()
	require.NoError(s, json.Unmarshal([]byte(output), &report), output)
	assert.Equal(s, "LintReport", report.Kind)
	return report
}

// found are the findings that matter, warnings and errors, in the order of their names.
func (r lintReport) found() []string {
	found := []string{}
	for _, finding := range r.Findings {
		if finding.Level != "info" {
			found = append(found, finding.String())
		}
	}
	slices.Sort(found)
	return found
}
