package checks

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// Pass is one run of one check over a snapshot. A family's checks see the mesh through it and report what they find to it.
type Pass struct {
	*mesh.Snapshot
	Scope

	check    *Check
	findings []Finding
	skips    []Skip
}

// Scope is what a run of the checks is about.
type Scope struct {
	// All checks every route, Gateway and policy, not only those of gRPC (--scope=all).
	All bool
	// Only, if set, accepts the objects whose findings are wanted.
	Only func(mesh.Object) bool
}

// Apply runs the check over a snapshot. A panic on an object that nobody thought of costs this check's findings, not the whole run.
func (c *Check) Apply(snapshot *mesh.Snapshot, scope Scope) (findings []Finding, skips []Skip) {
	pass := &Pass{Snapshot: snapshot, Scope: scope, check: c}
	defer func() {
		if failure := recover(); failure != nil {
			pass.Skip(fmt.Sprintf("the check failed, which is a bug of this program: %v", failure))
			findings, skips = nil, pass.skips
		}
	}()
	c.Run(pass)
	return pass.findings, pass.skips
}

// Unreadable gives the reason why a kind that the check rests on could not be read at all. A kind of which a part is known does not
// stop the check: it asks Pass.Missing before it calls anything missing.
func (c *Check) Unreadable(snapshot *mesh.Snapshot) (reason string, unreadable bool) {
	for _, gap := range snapshot.Gaps() {
		if gap.Kind != "" && !gap.ByName && gap.Namespace == "" && gap.Name == "" && len(gap.Except) == 0 && slices.Contains(c.Reads, gap.Kind) {
			return gap.Reason, true
		}
	}
	return "", false
}

// Report adds a finding. ID and slug are filled in; a finding without a level has the check's worst, and a fix without changes
// is words.
func (p *Pass) Report(finding Finding) {
	finding.ID, finding.Slug = p.check.ID, p.check.Slug
	if finding.Level == "" {
		finding.Level = p.check.Levels[0]
	}
	if len(finding.Fix.Changes) > 0 && overridesOptOut(p.Snapshot, finding.Fix.Changes) {
		finding.Fix.Changes = nil
		finding.Fix.Text += fmt.Sprintf(" Ask first who set %s=disabled on the namespace.", proxy.LabelInjection)
	}
	if owner := metav1.GetControllerOf(finding.Object); owner != nil && changesObject(finding) {
		finding.Fix.Changes = nil
		finding.Fix.Text += fmt.Sprintf(" Do so where %s %s makes it, which would undo a change of the object.", owner.Kind, owner.Name)
	}
	if len(finding.Fix.Changes) == 0 {
		finding.Fix.Level = Words
	}
	p.findings = append(p.findings, finding)
}

// changesObject reports whether the fix updates a Service that the finding is about. A controller puts back what it has made.
func changesObject(finding Finding) bool {
	key := mesh.KeyOf(finding.Object)
	return key.Kind == mesh.KindService && slices.ContainsFunc(finding.Fix.Changes, func(change plan.Change) bool {
		return change.Action == plan.Update && KeyOfChange(change) == key
	})
}

// Try gives what would be found, without reporting it.
func (p *Pass) Try(find func(trial *Pass)) []Finding {
	trial := &Pass{Snapshot: p.Snapshot, Scope: Scope{All: p.All}, check: p.check}
	find(trial)
	return trial.findings
}

// In is the same run over another snapshot, as one that an assumption is put into. It is for asking: what it reports is lost.
func (p *Pass) In(snapshot *mesh.Snapshot) *Pass {
	return &Pass{Snapshot: snapshot, Scope: p.Scope, check: p.check}
}

// Skip says that a part of the check could not be run, and why.
func (p *Pass) Skip(reason string) {
	p.skips = append(p.skips, Skip{ID: p.check.ID, Slug: p.check.Slug, Reason: reason})
}

// Wants reports whether a finding about the object would be in the report. A check asks where it would otherwise say that it had to
// be skipped for lack of objects that nobody asked to read.
func (p *Pass) Wants(object mesh.Object) bool { return p.Only == nil || p.Only(object) }

// Missing reports whether an object that is not in the snapshot is truly missing. Where it may exist unseen, the check is
// reported as skipped with the reason, and the answer is false. An empty name asks about all objects of the kind.
func (p *Pass) Missing(kind mesh.Kind, namespace, name string) bool {
	reason, unknown := p.Unknown(kind, namespace, name)
	if unknown {
		p.Skip(reason)
	}
	return !unknown
}
