package plugin

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/internal/golden"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// TestStatus compares what status shows of meshes of the corpus: whole paths, and paths that are broken at each hop.
func TestStatus(t *testing.T) {
	tests := []struct{ name, namespace, workload string }{
		{"good-plain", "hello", "greeter"},
		{"good-https", "duo", "secure"},
		{"good-tcm", "fair", "gates"},
		{"good-two-services-two-prefixes", "duo", "user"},
		{"good-grpc-route", "cafe", "beans"},
		{"gx102-namespace-not-injected", "pay", "ledger"},
		{"gx106-pod-predates-injection", "iot", "telemetry"},
		{"gx202-pods-not-ready", "news", "alerts"},
		{"gx301-port-not-grpc", "store", "cart"},
		{"gx401-gateway-selects-nothing", "shop", "basket"},
		{"gx403-gateway-port-not-open", "pay", "wallet"},
		{"gx406-server-port-conflict", "stream", "ingest"},
		{"gx415-no-external-address", "radio", "stations"},
		{"gx501-gateway-not-found", "user", "profile"},
		{"gx507-route-shadowed", "gate", "second"},
		{"gx701-authorization-denies-gateway", "hr", "payroll"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status := statusIn(t, corpus.Mesh(t, test.name), test.namespace, test.workload)
			var text, json bytes.Buffer
			require.NoError(t, report.StatusText(&text, status, false))
			require.NoError(t, report.StatusJSON(&json, status))
			golden.Compare(t, "testdata/status/"+test.name+".txt", text.String())
			golden.Compare(t, "testdata/status/"+test.name+".json", json.String())
		})
	}
}

func statusIn(t *testing.T, snapshot *mesh.Snapshot, namespace, name string) report.Status {
	t.Helper()
	workload, err := expose.FindWorkload(snapshot, "", namespace, name)
	require.NoError(t, err)
	found := lint.Run(snapshot, lint.Options{Only: lint.OnPathOf(snapshot, workload.Key)})
	return report.Status{Workload: workload.Key, Roots: callpath.Trace(snapshot, workload), Findings: found.Findings}
}

func TestStatusColour(t *testing.T) {
	var coloured, plain bytes.Buffer
	status := statusIn(t, corpus.Mesh(t, "gx301-port-not-grpc"), "store", "cart")
	require.NoError(t, report.StatusText(&coloured, status, true))
	require.NoError(t, report.StatusText(&plain, status, false))
	bare := coloured.String()
	for _, code := range []string{"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[0m"} {
		bare = strings.ReplaceAll(bare, code, "")
	}
	require.NotEqual(t, coloured.String(), plain.String())
	require.Equal(t, plain.String(), bare)
}

// TestStatusOfManyPods: of many pods the broken ones are shown, and the rest is counted.
func TestStatusOfManyPods(t *testing.T) {
	workload := statusIn(t, corpus.Mesh(t, "good-plain"), "hello", "greeter")
	status := report.Status{Workload: workload.Workload, Roots: []*callpath.Hop{{Object: workload.Roots[0].Object, Text: "many"}}}
	for i := range 30 {
		pod := &core.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "hello", Name: fmt.Sprintf("greeter-%02d", i)}}
		hop := &callpath.Hop{Object: pod, Text: "proxy"}
		if i == 29 {
			hop.Broken = "not ready"
		}
		status.Roots[0].Next = append(status.Roots[0].Next, hop)
	}
	var text bytes.Buffer
	require.NoError(t, report.StatusText(&text, status, false))
	golden.Compare(t, "testdata/status/many-pods.txt", text.String())
}
