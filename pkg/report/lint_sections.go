package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// lintSection is a part of the text for people: the findings on the path of calls to a workload, on several paths, or on none.
type lintSection struct {
	heading string
	// cluster counts the contexts in their order, rank the sections of one.
	cluster, rank int
	findings      []LintFinding
}

// What is on the way to one workload comes first, what several share follows, what is on no way comes last.
const (
	rankOfOne = iota
	rankOfSeveral
	rankOfNone
)

// sectionsOf groups findings by path. Within a path they stand in the order in which a call meets the objects.
func sectionsOf(findings []LintFinding) []*lintSection {
	var sections []*lintSection
	byHeading := map[string]*lintSection{}
	clusters := map[string]int{}
	for _, finding := range findings {
		if _, known := clusters[finding.Context]; !known {
			clusters[finding.Context] = len(clusters)
		}
		heading, rank := headingOf(finding)
		section := byHeading[heading]
		if section == nil {
			section = &lintSection{heading: heading, cluster: clusters[finding.Context], rank: rank}
			byHeading[heading] = section
			sections = append(sections, section)
		}
		section.findings = append(section.findings, finding)
	}
	slices.SortStableFunc(sections, func(a, b *lintSection) int {
		return cmp.Or(cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.rank, b.rank))
	})
	for _, section := range sections {
		if section.rank != rankOfNone {
			slices.SortStableFunc(section.findings, func(a, b LintFinding) int { return cmp.Compare(a.hop(), b.hop()) })
		}
	}
	return sections
}

// headingOf is the heading under which a finding stands, and where that stands among the others.
func headingOf(finding LintFinding) (heading string, rank int) {
	const enough = 3
	switch workloads := finding.workloads; {
	case len(workloads) == 1:
		heading, rank = "Path to "+workloads[0], rankOfOne
	case len(workloads) > enough:
		heading = fmt.Sprintf("Paths to %s and %d more", strings.Join(workloads[:enough], ", "), len(workloads)-enough)
		rank = rankOfSeveral
	case len(workloads) > 1:
		last := len(workloads) - 1
		heading, rank = "Paths to "+strings.Join(workloads[:last], ", ")+" and "+workloads[last], rankOfSeveral
	case finding.Object.Namespace != "":
		heading, rank = "Namespace "+finding.Object.Namespace, rankOfNone
	default:
		heading, rank = "Whole cluster", rankOfNone
	}
	if finding.Context != "" {
		heading = "Context " + finding.Context + ", " + lowerFirst(heading)
	}
	return heading, rank
}

// hops are the kinds that a call meets, from outside in; what is in force without being met, as policies and the injector, is not
// among them.
var hops = []string{"Gateway", "VirtualService", "GRPCRoute", "HTTPRoute", "DestinationRule", "Service", "Deployment", "StatefulSet", "DaemonSet"}

// hop is where a call meets the finding's object; the others come behind.
func (f LintFinding) hop() int {
	if hop := slices.Index(hops, f.Object.Kind); hop >= 0 {
		return hop
	}
	return len(hops)
}
