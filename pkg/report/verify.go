package report

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
)

// Verification is what calls to a workload have shown.
type Verification struct {
	Workload mesh.Key
	// Address is where the calls went, Call the method; both empty where none was made.
	Address, Call string
	Result        traffic.Result
	// Connections is how many there were.
	Connections int
	// Shares is what each pod got, as CountedBy has counted; nil where nobody knows.
	Shares    []traffic.Share
	CountedBy string
	Verdict   traffic.Verdict
	// Why is the verdict's reason, a clause.
	Why string
	// Notes are what else there is to know, a clause each.
	Notes []string
	// Findings are what lint says of the path, where the verdict is bad.
	Findings []checks.Finding
	// Compared are the same calls past the gateway, nil for none. Their verdict is no part of the answer.
	Compared *Verification
}

// Good says that the verdict is.
func (v *Verification) Good() bool { return v.Verdict.Good() }

// barWidth is that of the bar of all calls, in columns.
const barWidth = 40

// VerificationText prints the verdict, a bar for each pod, and what went wrong.
func VerificationText(w io.Writer, v *Verification, colour bool) error {
	t := &verificationText{colour: colour}
	t.verification(v)
	if v.Compared != nil {
		t.b.WriteString("\n")
		t.verification(v.Compared)
	}
	_, err := io.WriteString(w, t.b.String())
	return err
}

type verificationText struct {
	colour bool
	b      strings.Builder
}

func (t *verificationText) verification(v *Verification) {
	code := green
	if !v.Good() {
		code = red
	}
	Printf(&t.b, "%s: %s\n  %s\n", v.Workload, paint(string(v.Verdict), code, t.colour), v.Why)
	if v.Call != "" {
		Printf(&t.b, "\n  %s of %s to %s\n  over %s, in %s\n", plural(v.Result.Made, "call"), v.Call, v.Address,
			plural(v.Connections, "connection"), rounded(v.Result.Elapsed))
	}
	t.shares(v)
	t.failures(v.Result)
	if len(v.Result.Latencies) > 0 {
		Printf(&t.b, "\n  latency  p50 %s, p90 %s, p99 %s\n",
			rounded(v.Result.Percentile(0.5)), rounded(v.Result.Percentile(0.9)), rounded(v.Result.Percentile(0.99)))
	}
	for _, note := range v.Notes {
		Printf(&t.b, "\n  note: %s\n", note)
	}
	t.findings(v.Findings)
}

func (t *verificationText) shares(v *Verification) {
	if len(v.Shares) == 0 {
		return
	}
	var total uint64
	width := 0
	for _, share := range v.Shares {
		total += share.Calls
		width = max(width, utf8.RuneCountInString(inert.Line(share.Pod)))
	}
	digits := len(fmt.Sprint(total))
	t.b.WriteString("\n")
	for _, share := range v.Shares {
		part := 0.0
		if total > 0 {
			part = float64(share.Calls) / float64(total)
		}
		filled := int(part*barWidth + 0.5)
		bar := paint(strings.Repeat("█", filled), cyan, t.colour) + painted(strings.Repeat(" ", barWidth-filled))
		Printf(&t.b, "  %-*s  %s  %*d  %3.0f%%", width, share.Pod, bar, digits, share.Calls, part*100)
		if !share.Ready {
			t.b.WriteString("  not a ready pod of the Service")
		}
		t.b.WriteString("\n")
	}
	Printf(&t.b, "  counted by %s\n", v.CountedBy)
}

func (t *verificationText) failures(result traffic.Result) {
	for _, failure := range result.Failures {
		Printf(&t.b, "\n  %s  %s", paint(codeName(failure), red, t.colour), plural(failure.Count, "call"))
		if meaning := failure.Meaning(); meaning != "" {
			Printf(&t.b, ": %s", meaning)
		}
		t.b.WriteString("\n")
		if failure.Message != "" {
			Printf(&t.b, "    \"%s\"\n", failure.Message)
		}
	}
}

// codeName is the code's name as gRPC's documents write it: UNAVAILABLE.
func codeName(failure traffic.Failure) string {
	var b strings.Builder
	name := failure.Code.String()
	for i, letter := range name {
		isUpper := letter >= 'A' && letter <= 'Z'
		if isUpper && i > 0 && name != "OK" {
			b.WriteByte('_')
		}
		b.WriteRune(letter)
	}
	return strings.ToUpper(b.String())
}

func (t *verificationText) findings(findings []checks.Finding) {
	first := true
	for _, finding := range findings {
		if !finding.Level.AtLeast(checks.Warning) {
			continue
		}
		if first {
			t.b.WriteString("\nWhat lint says of the way:\n")
			first = false
		}
		Printf(&t.b, "  %s %s: %s\n", paint(string(finding.Level), levelCode(finding.Level), t.colour), finding.ID, finding.Message)
		if finding.Fix.Text != "" {
			Printf(&t.b, "    → %s\n", finding.Fix.Text)
		}
	}
}

func plural(count int, word string) string {
	if count == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", count, word)
}

// rounded is a duration with three digits at most.
func rounded(d time.Duration) time.Duration {
	unit := time.Microsecond
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}
