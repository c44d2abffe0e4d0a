package report

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
)

// latencies are of count calls, the slowest of which takes count times unit.
func latencies(count int, unit time.Duration) []time.Duration {
	list := make([]time.Duration, count)
	for i := range list {
		list[i] = time.Duration(i+1) * unit
	}
	return list
}

func verifications(t *testing.T) map[string]*Verification {
	workload := mesh.Key{Kind: mesh.KindDeployment, Namespace: "test", Name: "server"}
	pods := func(calls ...uint64) []traffic.Share {
		shares := make([]traffic.Share, len(calls))
		for i, count := range calls {
			shares[i] = traffic.Share{Pod: "server-7878fd97fd-6vlx" + string(rune('a'+i)), Ready: true, Calls: count}
		}
		return shares
	}
	judged := func(v *Verification) *Verification {
		v.Workload = workload
		v.Verdict, v.Why = traffic.Judge(v.Result, v.Shares)
		return v
	}
	all := traffic.Result{Made: 200, Elapsed: 412345 * time.Microsecond, Latencies: latencies(200, 17*time.Microsecond)}
	const health, address, counters = "grpc.health.v1.Health/Check", "203.0.113.7:8000", "the proxies of Deployment istio-system/istio-ingressgateway"
	service := decode(t, "apiVersion: v1\nkind: Service\nmetadata: {name: server, namespace: test}\nspec: {ports: [{name: http, port: 8000}]}")
	return map[string]*Verification{
		"balanced": judged(&Verification{Address: address, Call: health, Result: all, Connections: 1, Shares: pods(68, 66, 66), CountedBy: counters}),
		"compared": judged(&Verification{
			Address: address, Call: health, Result: all, Connections: 1, Shares: pods(68, 66, 66), CountedBy: counters,
			Compared: judged(&Verification{
				Address: "Service test/server by port-forward, past the gateway", Call: health, Result: all, Connections: 1,
				Shares: pods(200, 0, 0), CountedBy: "the port-forward, which leads to one pod",
			}),
		}),
		"partly": judged(&Verification{
			Address: address, Call: health, Result: all, Connections: 2, CountedBy: counters,
			Shares: append(pods(100, 80, 0), traffic.Share{Pod: "10.244.0.9:50051", Calls: 20}),
			Notes:  []string{"the other side closed the connection in between: there were 2"},
		}),
		"failing": judged(&Verification{
			Address: address, Call: health, Connections: 1,
			Result: traffic.Result{Made: 20, Elapsed: 31 * time.Millisecond, Failures: []traffic.Failure{
				{Code: codes.Unavailable, Count: 19, Message: "upstream connect error or disconnect/reset before headers. reset reason: protocol error"},
				{Code: codes.DeadlineExceeded, Count: 1},
			}},
			Findings: []checks.Finding{
				{ID: "GX301", Slug: "port-not-grpc", Level: checks.Error, Object: service, Message: "port 8000 is HTTP to Istio", Fix: checks.Fix{Level: checks.Words, Text: "Name the port grpc."}},
				{ID: "GX203", Slug: "single-replica", Level: checks.Info, Object: service, Message: "not shown", Fix: checks.Fix{Level: checks.Words}},
			},
		}),
		"unknown": judged(&Verification{
			Address: address, Call: health, Result: all, Connections: 1, Notes: []string{"who answered is not known: you may not"},
		}),
		"nowhere": {
			Workload: workload, Verdict: traffic.NotExposed,
			Why: "no route of a gateway leads to the workload: create makes one, and --address calls elsewhere",
		},
	}
}

func TestVerification(t *testing.T) {
	for name, verification := range verifications(t) {
		t.Run(name, func(t *testing.T) {
			var text, json bytes.Buffer
			require.NoError(t, VerificationText(&text, verification, name == "compared"))
			require.NoError(t, VerificationJSON(&json, verification))
			for extension, got := range map[string]*bytes.Buffer{"txt": &text, "json": &json} {
				path := filepath.Join("testdata", "verify", name+"."+extension)
				if *update {
					require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
					require.NoError(t, os.WriteFile(path, got.Bytes(), 0o644))
				}
				want, err := os.ReadFile(path)
				require.NoError(t, err)
				assert.Equal(t, string(want), got.String())
			}
		})
	}
}

func TestProgress(t *testing.T) {
	streams, _, shown := FakeStreams("")
	progress := NewProgress(streams, 10)
	progress.last = time.Time{}
	progress.Show(3)
	progress.Clear()
	assert.Empty(t, shown.String(), "nobody reads")

	streams.Err, streams.ErrTerminal = clean(shown, true), true
	progress = NewProgress(streams, 10)
	progress.Show(1)
	progress.last = time.Time{}
	progress.Show(3)
	progress.Show(4)
	progress.Clear()
	assert.Equal(t, "\r\x1b[K3 of 10 calls\r\x1b[K", shown.String())
}
