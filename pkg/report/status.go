package report

import (
	"cmp"
	"io"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Status is the way of calls to a workload, and what is wrong on it.
type Status struct {
	Workload mesh.Key
	Roots    []*callpath.Hop
	Findings []checks.Finding
	// NotLookedAt is what could not be read, one clause each; NotRead the same for people.
	NotLookedAt []string
	NotRead     []string
}

// Exposed says that some gateway leads calls to a pod.
func (s Status) Exposed() bool {
	return slices.ContainsFunc(s.Roots, func(root *callpath.Hop) bool { return root.Reaches() && throughGateway(root) })
}

// Unknown reports whether nobody can tell if the workload is exposed, because something on the path could not be read.
func (s Status) Unknown() bool {
	return !s.Exposed() && slices.ContainsFunc(s.Roots, (*callpath.Hop).IsUnknown)
}

// Errors says that something on the way keeps calls from arriving, or from being answered.
func (s Status) Errors() bool {
	return slices.ContainsFunc(s.Findings, func(finding checks.Finding) bool { return finding.Level == checks.Error })
}

// throughGateway says that a route stands on the way: without one the tree begins at the application's own Service.
func throughGateway(hop *callpath.Hop) bool {
	switch mesh.KeyOf(hop.Object).Kind {
	case mesh.KindVirtualService, mesh.KindGRPCRoute, mesh.KindHTTPRoute:
		return true
	default:
		return slices.ContainsFunc(hop.Next, throughGateway)
	}
}

// atHop are the findings about a hop's object, each shown at the first hop with that object only.
func (s Status) atHop(hop *callpath.Hop, shown map[int]bool) []checks.Finding {
	var found []checks.Finding
	for i, finding := range s.Findings {
		if !shown[i] && mesh.KeyOf(finding.Object) == mesh.KeyOf(hop.Object) {
			shown[i] = true
			found = append(found, finding)
		}
	}
	return found
}

// StatusText prints the way as a tree: a mark for each hop, and below it what is wrong there.
func StatusText(w io.Writer, s Status, colour bool) error {
	t := &statusText{status: s, colour: colour, shown: map[int]bool{}}
	verdict := paint("exposed", green, colour)
	switch {
	case s.Unknown():
		verdict = paint("not known whether it is exposed", yellow, colour)
	case !s.Exposed():
		verdict = paint("not exposed", red, colour)
	case s.Errors():
		verdict = paint("exposed, but with errors on the way", red, colour)
	}
	Printf(&t.b, "%s: %s\n\n", s.Workload, verdict)
	for _, root := range s.Roots {
		t.hop(root, "", "")
	}
	t.rest()
	for i, line := range s.NotRead {
		if i == 0 {
			Printf(&t.b, "\nNot read:\n")
		}
		Printf(&t.b, "%s\n", line)
	}
	_, err := io.WriteString(w, t.b.String())
	return err
}

type statusText struct {
	status Status
	colour bool
	shown  map[int]bool
	b      strings.Builder
}

func (t *statusText) hop(hop *callpath.Hop, first, indent string) {
	findings := t.status.atHop(hop, t.shown)
	Printf(&t.b, "%s%s %s: %s\n", first, t.mark(hop, findings), mesh.KeyOf(hop.Object), hop.Text)
	if reason := cmp.Or(hop.Broken, hop.Unknown); reason != "" && len(findings) == 0 {
		Printf(&t.b, "%s    %s\n", indent, reason)
	}
	for _, finding := range findings {
		t.finding(finding, indent+"    ")
	}
	next, more := mostTelling(hop.Next)
	for i, hop := range next {
		if i < len(next)-1 || more > 0 {
			t.hop(hop, indent+"├─ ", indent+"│  ")
		} else {
			t.hop(hop, indent+"└─ ", indent+"   ")
		}
	}
	if more > 0 {
		Printf(&t.b, "%s└─ and %d more\n", indent, more)
	}
}

// mostShown is how many pods of a workload are shown one by one.
const mostShown = 10

// mostTelling are the hops to show of many, the broken ones first, and how many are left out.
func mostTelling(hops []*callpath.Hop) (shown []*callpath.Hop, more int) {
	if len(hops) <= mostShown {
		return hops, 0
	}
	shown = slices.Clone(hops)
	slices.SortStableFunc(shown, func(a, b *callpath.Hop) int { return cmp.Compare(rankOf(a), rankOf(b)) })
	return shown[:mostShown], len(hops) - mostShown
}

func rankOf(hop *callpath.Hop) int {
	if hop.Broken != "" {
		return 0
	}
	return 1
}

func (t *statusText) finding(finding checks.Finding, indent string) {
	Printf(&t.b, "%s%s %s: %s\n", indent, paint(string(finding.Level), levelCode(finding.Level), t.colour), finding.ID, finding.Message)
	if finding.Fix.Text != "" {
		Printf(&t.b, "%s  → %s\n", indent, finding.Fix.Text)
	}
}

func levelCode(level checks.Level) string {
	switch level {
	case checks.Error:
		return red
	case checks.Warning:
		return yellow
	default:
		return faint
	}
}

// mark is what one sees of a hop at a glance.
func (t *statusText) mark(hop *callpath.Hop, findings []checks.Finding) painted {
	worst := checks.Level("")
	for _, finding := range findings {
		if !worst.AtLeast(finding.Level) {
			worst = finding.Level
		}
	}
	switch {
	case hop.Broken != "" || worst == checks.Error:
		return paint("✗", red, t.colour)
	case hop.Unknown != "":
		return paint("?", yellow, t.colour)
	case worst == checks.Warning:
		return paint("!", yellow, t.colour)
	default:
		return paint("✓", green, t.colour)
	}
}

// rest prints findings about objects that are no hop themselves: the namespace, policies, the workload.
func (t *statusText) rest() {
	first := true
	for i, finding := range t.status.Findings {
		if t.shown[i] {
			continue
		}
		if first {
			t.b.WriteString("\nBeside it:\n")
			first = false
		}
		Printf(&t.b, "  %s\n", mesh.KeyOf(finding.Object))
		t.finding(finding, "    ")
	}
}

type statusDocument struct {
	APIVersion  string        `json:"apiVersion"`
	Kind        string        `json:"kind"`
	Workload    LintObject    `json:"workload"`
	Exposed     bool          `json:"exposed"`
	Path        []statusHop   `json:"path"`
	Findings    []LintFinding `json:"findings"`
	NotLookedAt []string      `json:"notLookedAt"`
}

type statusHop struct {
	Object  LintObject  `json:"object"`
	Text    string      `json:"text"`
	Reached bool        `json:"reachesPods"`
	Broken  string      `json:"broken,omitempty"`
	Unknown string      `json:"unknown,omitempty"`
	Next    []statusHop `json:"next,omitempty"`
}

// StatusJSON prints the same for machines.
func StatusJSON(w io.Writer, s Status) error {
	info := s.Workload.Kind.Info()
	document := statusDocument{
		APIVersion: APIVersion, Kind: "Status", Exposed: s.Exposed(), Path: statusHops(s.Roots),
		Workload: LintObject{
			APIVersion: info.GroupVersion().String(), Kind: info.Kind, Namespace: s.Workload.Namespace, Name: s.Workload.Name,
		},
		Findings: make([]LintFinding, 0, len(s.Findings)), NotLookedAt: append([]string{}, s.NotLookedAt...),
	}
	for _, finding := range s.Findings {
		document.Findings = append(document.Findings, lintFinding(finding, mesh.Source{}))
	}
	return JSON(w, document)
}

func statusHops(hops []*callpath.Hop) []statusHop {
	documents := make([]statusHop, 0, len(hops))
	for _, hop := range hops {
		document := statusHop{Object: lintObject(hop.Object), Text: hop.Text, Broken: hop.Broken, Unknown: hop.Unknown, Reached: hop.Reaches()}
		if _, isPod := hop.Object.(*core.Pod); !isPod {
			document.Next = statusHops(hop.Next)
		}
		documents = append(documents, document)
	}
	return documents
}
