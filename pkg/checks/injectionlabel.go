package checks

import (
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// ChooseLabel takes one of the labels that would make pods injected: one with the preferred key if there is one, else the
// first. The level is Safe where all lead to one revision, else Ask. ok is false where there is none whose injector can be
// called.
func ChooseLabel(p *Pass, candidates []proxy.InjectionLabel, preferredKey string) (label proxy.InjectionLabel, level FixLevel, ok bool) {
	var usable []proxy.InjectionLabel
	revisions := map[string]bool{}
	for _, candidate := range candidates {
		if _, unavailable := proxy.InjectorUnavailable(p.Snapshot, candidate.By); unavailable && candidate.By.FailsClosed() {
			continue
		}
		usable = append(usable, candidate)
		revisions[candidate.Revision] = true
	}
	if len(usable) == 0 {
		return proxy.InjectionLabel{}, Words, false
	}
	label, level = usable[0], Safe
	if i := slices.IndexFunc(usable, func(l proxy.InjectionLabel) bool { return l.Key == preferredKey }); i >= 0 {
		label = usable[i]
	}
	if len(revisions) > 1 {
		level = Ask
	}
	return label, level, true
}
