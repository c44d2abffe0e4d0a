package lint

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// trust decides which fixes may be made without a question. An object speaks for its own namespace only: a fix is safe where the
// objects of the one namespace that it changes, with those of the mesh's operators and the cluster's own, call for it by themselves,
// and where it would be made just so without any other namespace that leads calls there. Both are tried rather than declared, by
// running the check on what is left, so that no check can forget them.
type trust struct {
	snapshot *mesh.Snapshot
	options  Options
	platform []string
	worlds   map[world]*mesh.Snapshot
	ran      map[ranKey]*safeFixes
	callers  map[mesh.Key]*callers
}

// world is the mesh without some namespaces: only one of them with the operators', or all but one.
type world struct {
	only, without string
	// unseen: the workloads of other namespaces are not known, rather than not there. A gateway that runs elsewhere is then assumed
	// for the Gateways of the one namespace.
	unseen bool
}

type ranKey struct {
	world
	check string
}

// manyVoices is how many namespaces may lead calls to what a safe fix changes: each is tried without.
const manyVoices = 8

// cautious are the kinds of which the objects of all namespaces count: that they refer to a port by its name only ever makes a fix
// leave the name alone.
var cautious = []mesh.Kind{mesh.KindServiceMonitor, mesh.KindPodMonitor}

func newTrust(snapshot *mesh.Snapshot, options Options) *trust {
	platform := proxy.PlatformNamespaces(snapshot.Within(nil, []mesh.Kind{mesh.KindConfigMap}))
	return &trust{snapshot: snapshot, options: options, platform: platform, worlds: map[world]*mesh.Snapshot{}, ran: map[ranKey]*safeFixes{}, callers: map[mesh.Key]*callers{}}
}

// settle gives a finding the fix that its evidence is good for. Where others than the owner of what changes call for a fix, it is
// asked for and names them.
func (t *trust) settle(finding checks.Finding) checks.Finding {
	if len(finding.Fix.Changes) == 0 {
		return finding
	}
	namespaces := namespacesOf(finding.Fix.Changes)
	if finding.Fix.Level == checks.Safe {
		own, ok := t.onOwnWord(finding, namespaces)
		if ok {
			finding.Fix = own
			return finding
		}
		finding.Fix.Level = checks.Ask
		if len(t.others(finding, namespaces)) == 0 {
			finding.Fix.Text += fmt.Sprintf(" Namespace %s does not call for it by itself, but with objects of other namespaces.", strings.Join(namespaces, " or "))
		}
	}
	if others := t.others(finding, namespaces); len(others) > 0 {
		finding.Fix.Text += fmt.Sprintf(" This changes namespace %s on the word of %s.", strings.Join(namespaces, " and "), keysText(others))
		finding.Fix.Changes = slices.Clone(finding.Fix.Changes) // fixes may be shared
		for i := range finding.Fix.Changes {
			finding.Fix.Changes[i].Reason += "; on the word of " + keysText(others)
		}
	}
	return finding
}

// onOwnWord is the safe fix that the one namespace that would change calls for by itself: the same, or a part of it.
func (t *trust) onOwnWord(finding checks.Finding, namespaces []string) (own checks.Fix, ok bool) {
	if len(namespaces) != 1 || namespaces[0] == "" {
		return checks.Fix{}, false
	}
	if !t.snapshot.HasOthers(append(namespaces, t.platform...)) {
		return finding.Fix, true
	}
	voices := t.voices(finding, namespaces[0])
	if len(voices) > manyVoices {
		return checks.Fix{}, false
	}
	for _, unseen := range []bool{false, true} {
		own, ok = t.calledFor(finding, finding.Fix.Changes, world{only: namespaces[0], unseen: unseen})
		if ok {
			break
		}
	}
	for _, voice := range voices {
		if ok {
			_, ok = t.calledFor(finding, nil, world{without: voice}, own.Changes...)
		}
	}
	return own, ok
}

// calledFor is the safe fix that the check has for the finding's object in a world: all its changes are among those given, if there
// are any, and it has those that it must.
func (t *trust) calledFor(finding checks.Finding, among []plan.Change, in world, must ...plan.Change) (checks.Fix, bool) {
	fixes := t.safeFixesIn(in, finding.ID)
	if fixes == nil {
		return checks.Fix{}, false
	}
	return fixes.find(mesh.KeyOf(finding.Object), among, must)
}

// safeFixesIn are those that a check has in a world, nil where there is no such check.
func (t *trust) safeFixesIn(in world, id string) *safeFixes {
	key := ranKey{in, id}
	if fixes, ran := t.ran[key]; ran {
		return fixes
	}
	check, known := Find(id)
	if !known {
		return nil
	}
	var findings []checks.Finding
	if _, unreadable := check.Unreadable(t.snapshot); !unreadable {
		findings, _ = check.Apply(t.snapshotOf(in), checks.Scope{All: t.options.AllScopes})
	}
	t.ran[key] = newSafeFixes(findings)
	return t.ran[key]
}

func (t *trust) snapshotOf(in world) *mesh.Snapshot {
	if t.worlds[in] != nil {
		return t.worlds[in]
	}
	if in.without != "" {
		t.worlds[in] = t.snapshot.Without(in.without)
		return t.worlds[in]
	}
	namespaces := append([]string{in.only}, t.platform...)
	slices.Sort(namespaces)
	namespaces = slices.Compact(namespaces)
	var gaps []mesh.Gap
	if in.unseen {
		for _, kind := range checks.WorkloadKinds {
			gaps = append(gaps, mesh.Gap{Kind: kind, Except: namespaces, Reason: "other namespaces are left out"})
		}
	}
	t.worlds[in] = t.snapshot.Within(namespaces, cautious, gaps...)
	return t.worlds[in]
}

// callers are what leads calls to an object that is changed: routes with what serves them, and those that say that its ports are gRPC.
type callers struct {
	// namespaces are those of the routes and of their Gateways, without the operators', each once.
	namespaces []string
	// speakers are the objects of other namespaces that say that the object serves gRPC, each once.
	speakers []mesh.Key
}

// voices are the other namespaces, but the operators', that lead calls to what the fix changes.
func (t *trust) voices(finding checks.Finding, changed string) []string {
	var voices []string
	for key := range objectsOf(finding.Fix.Changes) {
		for _, namespace := range t.callersOf(key).namespaces {
			if namespace != changed && !slices.Contains(voices, namespace) {
				voices = append(voices, namespace)
			}
		}
	}
	return voices
}

// others are the objects that call for the fix of another namespace than their own, without those of the mesh's operators: what the
// finding is about, what the check names, and what else says that the ports behind it are gRPC.
func (t *trust) others(finding checks.Finding, namespaces []string) []mesh.Key {
	var others []mesh.Key
	seen := map[mesh.Key]bool{}
	add := func(key mesh.Key) {
		of := mesh.NamespaceOf(key)
		isOther := slices.ContainsFunc(namespaces, func(changed string) bool { return changed != of })
		if of != "" && isOther && !slices.Contains(t.platform, of) && !seen[key] {
			others = append(others, key)
		}
		seen[key] = true
	}
	add(mesh.KeyOf(finding.Object))
	for _, key := range finding.Fix.OnWordOf {
		add(key)
	}
	for object := range objectsOf(finding.Fix.Changes) {
		for _, key := range t.callersOf(object).speakers {
			add(key)
		}
	}
	return others
}

func (t *trust) callersOf(changed mesh.Key) *callers {
	if found := t.callers[changed]; found != nil {
		return found
	}
	found := &callers{}
	t.callers[changed] = found
	seen := map[string]bool{}
	add := func(object mesh.Object) {
		of := object.GetNamespace()
		if !seen[of] && !slices.Contains(t.platform, of) {
			found.namespaces = append(found.namespaces, of)
		}
		seen[of] = true
	}
	spoke := map[mesh.Key]bool{}
	for _, port := range t.portsBehind(changed) {
		for _, route := range gateway.RoutesTo(t.snapshot, port.Service, port.Port.Port) {
			add(route.Holder)
			add(route.VirtualService)
			add(route.Server.Gateway)
		}
		for _, backend := range gatewayapi.RouteBackendsTo(t.snapshot, port.Service, port.Port.Port) {
			add(backend.Route)
		}
		for _, key := range port.Others {
			if !spoke[key] {
				found.speakers = append(found.speakers, key)
			}
			spoke[key] = true
		}
	}
	return found
}

// portsBehind are the exposed ports of a Service, a workload or a namespace that is changed.
func (t *trust) portsBehind(key mesh.Key) (ports []*exposure.ExposedPort) {
	switch key.Kind {
	case mesh.KindService:
		if service, ok := t.snapshot.Services().Get(key.Namespace, key.Name); ok {
			ports = exposure.ExposedPortsOf(t.snapshot, service)
		}
	case mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet:
		if workload := workload.Get(t.snapshot, key); workload != nil {
			ports = exposure.ExposedWorkloads(t.snapshot)[workload]
		}
	case mesh.KindNamespace:
		for _, workload := range workload.WorkloadsIn(t.snapshot, key.Name) {
			ports = append(ports, exposure.ExposedWorkloads(t.snapshot)[workload]...)
		}
	}
	return ports
}

// objectsOf goes through the objects that are changed, each once.
func objectsOf(changes []plan.Change) iter.Seq[mesh.Key] {
	return func(yield func(mesh.Key) bool) {
		seen := map[mesh.Key]bool{}
		for _, change := range changes {
			key := checks.KeyOfChange(change)
			if !seen[key] && !yield(key) {
				return
			}
			seen[key] = true
		}
	}
}

// namespacesOf are the namespaces in which changes are, sorted; an empty one stands for cluster-scoped objects that belong to none.
func namespacesOf(changes []plan.Change) []string {
	var namespaces []string
	for _, change := range changes {
		namespaces = append(namespaces, checks.NamespaceOf(change))
	}
	slices.Sort(namespaces)
	return slices.Compact(namespaces)
}

// keysText names objects, the first few of them.
func keysText(keys []mesh.Key) string {
	const few = 3
	var names []string
	for _, key := range keys[:min(few, len(keys))] {
		names = append(names, key.String())
	}
	if len(keys) > few {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), len(keys)-few)
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
