package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// safeFixes are those of a check's findings, found by object and change: an object may have thousands.
type safeFixes struct {
	findings map[mesh.Key][]checks.Finding
	ofObject map[mesh.Key]*fixIndex
}

// fixIndex is the safe fixes of one object in the order of their findings, those of the same changes once.
type fixIndex struct {
	fixes []indexedFix
	// byChange are the places in fixes of those that make a change.
	byChange map[string][]int
}

type indexedFix struct {
	fix     checks.Fix
	changes map[string]bool
}

func newSafeFixes(findings []checks.Finding) *safeFixes {
	made := &safeFixes{findings: map[mesh.Key][]checks.Finding{}, ofObject: map[mesh.Key]*fixIndex{}}
	for _, finding := range findings {
		if finding.Fix.Level == checks.Safe && len(finding.Fix.Changes) > 0 {
			key := mesh.KeyOf(finding.Object)
			made.findings[key] = append(made.findings[key], finding)
		}
	}
	return made
}

// find is the first fix of the object whose changes are all among those given, if there are any, and that has those that it must.
func (s *safeFixes) find(object mesh.Key, among, must []plan.Change) (checks.Fix, bool) {
	index := s.of(object)
	required := identitiesOf(must)
	asked := required
	var allowed map[string]bool
	if len(among) > 0 {
		asked = identitiesOf(among)
		allowed = setOf(asked)
	}
	first := len(index.fixes)
	// Every fix has a change, so that one of those that are asked for is among its own.
	for _, change := range asked {
		for _, place := range index.byChange[change] {
			if place >= first {
				break
			}
			if fix := index.fixes[place]; fix.isWithin(allowed) && fix.has(required) {
				first = place
			}
		}
	}
	if first == len(index.fixes) {
		return checks.Fix{}, false
	}
	return index.fixes[first].fix, true
}

func (s *safeFixes) of(object mesh.Key) *fixIndex {
	if index := s.ofObject[object]; index != nil {
		return index
	}
	index := &fixIndex{byChange: map[string][]int{}}
	s.ofObject[object] = index
	known := map[string]bool{}
	for _, finding := range s.findings[object] {
		identities := identitiesOf(finding.Fix.Changes)
		all := strings.Join(identities, "\n")
		if known[all] {
			continue
		}
		known[all] = true
		for _, identity := range identities {
			index.byChange[identity] = append(index.byChange[identity], len(index.fixes))
		}
		index.fixes = append(index.fixes, indexedFix{finding.Fix, setOf(identities)})
	}
	return index
}

// isWithin reports whether each of the changes is allowed; without a set all are.
func (f indexedFix) isWithin(allowed map[string]bool) bool {
	if allowed == nil {
		return true
	}
	for change := range f.changes {
		if !allowed[change] {
			return false
		}
	}
	return true
}

func (f indexedFix) has(required []string) bool {
	return !slices.ContainsFunc(required, func(change string) bool { return !f.changes[change] })
}

// changeIdentity is a text that changes have in common where they are the same.
func changeIdentity(change plan.Change) string {
	identity := fmt.Sprintf("%s %s %s %#v", change.Action, change.Object.GroupVersionKind(), plan.Name(change.Object), change.Edits)
	if change.Action == plan.Create {
		identity += fmt.Sprintf(" %#v", change.Object.Object)
	}
	return identity
}

func identitiesOf(changes []plan.Change) []string {
	identities := make([]string, 0, len(changes))
	for _, change := range changes {
		identities = append(identities, changeIdentity(change))
	}
	slices.Sort(identities)
	return slices.Compact(identities)
}

func setOf(identities []string) map[string]bool {
	set := make(map[string]bool, len(identities))
	for _, identity := range identities {
		set[identity] = true
	}
	return set
}
