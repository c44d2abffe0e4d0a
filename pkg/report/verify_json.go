package report

import (
	"io"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
)

type verificationDocument struct {
	APIVersion  string                `json:"apiVersion"`
	Kind        string                `json:"kind"`
	Workload    LintObject            `json:"workload"`
	Verdict     traffic.Verdict       `json:"verdict"`
	Why         string                `json:"why"`
	Address     string                `json:"address,omitempty"`
	Call        string                `json:"call,omitempty"`
	Calls       int                   `json:"calls"`
	Failed      int                   `json:"failed"`
	Connections int                   `json:"connections"`
	Seconds     float64               `json:"seconds"`
	Latency     *verificationLatency  `json:"latency,omitempty"`
	Pods        []verificationPod     `json:"pods,omitempty"`
	CountedBy   string                `json:"countedBy,omitempty"`
	Failures    []verificationFailure `json:"failures"`
	Notes       []string              `json:"notes"`
	Findings    []LintFinding         `json:"findings"`
	Compared    *verificationDocument `json:"compared,omitempty"`
}

// verificationLatency is in milliseconds.
type verificationLatency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
}

type verificationPod struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	Calls uint64 `json:"calls"`
}

type verificationFailure struct {
	Code    string `json:"code"`
	Count   int    `json:"count"`
	Message string `json:"message,omitempty"`
	Meaning string `json:"meaning,omitempty"`
}

// VerificationJSON prints the same for machines.
func VerificationJSON(w io.Writer, v *Verification) error {
	return JSON(w, verificationOf(v))
}

func verificationOf(v *Verification) *verificationDocument {
	info := v.Workload.Kind.Info()
	document := &verificationDocument{
		APIVersion: APIVersion, Kind: "Verification", Verdict: v.Verdict, Why: v.Why, Address: v.Address, Call: v.Call,
		Workload: LintObject{
			APIVersion: info.GroupVersion().String(), Kind: info.Kind, Namespace: v.Workload.Namespace, Name: v.Workload.Name,
		},
		Calls: v.Result.Made, Failed: v.Result.Failed(), Connections: v.Connections, Seconds: v.Result.Elapsed.Seconds(),
		CountedBy: v.CountedBy, Failures: []verificationFailure{}, Notes: append([]string{}, v.Notes...), Findings: []LintFinding{},
	}
	if len(v.Result.Latencies) > 0 {
		milliseconds := func(share float64) float64 { return float64(v.Result.Percentile(share)) / float64(time.Millisecond) }
		document.Latency = &verificationLatency{P50: milliseconds(0.5), P90: milliseconds(0.9), P99: milliseconds(0.99)}
	}
	for _, share := range v.Shares {
		document.Pods = append(document.Pods, verificationPod{Name: share.Pod, Ready: share.Ready, Calls: share.Calls})
	}
	for _, failure := range v.Result.Failures {
		document.Failures = append(document.Failures, verificationFailure{
			Code: codeName(failure), Count: failure.Count, Message: failure.Message, Meaning: failure.Meaning(),
		})
	}
	for _, finding := range v.Findings {
		document.Findings = append(document.Findings, lintFinding(finding, mesh.Source{}))
	}
	if v.Compared != nil {
		document.Compared = verificationOf(v.Compared)
	}
	return document
}
