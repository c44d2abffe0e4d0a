package removal

import (
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// KindsWithMarks are the kinds on which create leaves a mark.
var KindsWithMarks = []mesh.Kind{
	mesh.KindNamespace, mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet,
	mesh.KindService, mesh.KindGateway, mesh.KindVirtualService,
}

// kindsMade are the kinds of which create makes objects.
var kindsMade = []mesh.Kind{mesh.KindVirtualService, mesh.KindGateway, mesh.KindService}

// kinds are the kinds that Remove reads: those with marks, and what tells who still needs what create changed. Pods are
// read in the namespaces of the workloads alone.
var kinds = append(slices.Clone(KindsWithMarks), mesh.KindPod, mesh.KindWebhook, mesh.KindGRPCRoute, mesh.KindHTTPRoute,
	mesh.KindKubernetesGateway, mesh.KindReferenceGrant, mesh.KindGatewayClass, mesh.KindListenerSet)

// UnreadMarks are the kinds with marks that were not read in every namespace: there may be more to undo than was found.
func UnreadMarks(snapshot *mesh.Snapshot) []mesh.Gap {
	var unread []mesh.Gap
	for _, kind := range KindsWithMarks {
		if reason, unknown := snapshot.Unknown(kind, "", noName); unknown {
			unread = append(unread, mesh.Gap{Kind: kind, Reason: reason})
		}
	}
	return unread
}

// Managed are the workloads of some namespaces for which create made or changed something there, sorted; no namespaces means
// all. A mark that names a workload of another namespace than its object's counts for nothing.
func Managed(snapshot *mesh.Snapshot, namespaces ...string) []mesh.Key {
	var managed []mesh.Key
	add := func(key mesh.Key) {
		if (len(namespaces) == 0 || slices.Contains(namespaces, key.Namespace)) && !slices.Contains(managed, key) {
			managed = append(managed, key)
		}
	}
	for key := range madeFor(snapshot) {
		add(key)
	}
	for _, workload := range workload.Workloads(snapshot) {
		if workload.Object.GetAnnotations()[plan.UndoAnnotation] != "" {
			add(workload.Key)
		}
	}
	slices.SortFunc(managed, func(a, b mesh.Key) int {
		return strings.Compare(a.Namespace+"/"+a.Name+"/"+string(a.Kind), b.Namespace+"/"+b.Name+"/"+string(b.Kind))
	})
	return managed
}

type madeForMemory struct{}

// madeFor are the workloads for which create made an object that is there.
func madeFor(snapshot *mesh.Snapshot) map[mesh.Key]bool {
	for _, kind := range kindsMade {
		snapshot.Read(kind)
	}
	return mesh.Remember(snapshot, madeForMemory{}, func() map[mesh.Key]bool {
		made := map[mesh.Key]bool{}
		for _, kind := range kindsMade {
			for _, object := range snapshot.Objects(kind) {
				if key, ok := workloadOf(object); ok {
					made[key] = true
				}
			}
		}
		return made
	})
}

// workloadOf is the workload for which create made an object.
func workloadOf(object mesh.Object) (key mesh.Key, ok bool) {
	owner, marked := plan.OwnerOf(object)
	if !marked || !plan.IsOwn(object) || !slices.Contains(workload.Kinds, mesh.Kind(owner.Kind)) {
		return key, false
	}
	return mesh.Key{Kind: mesh.Kind(owner.Kind), Namespace: owner.Namespace, Name: owner.Name}, owner.Namespace == object.GetNamespace()
}

// ownerOf is how the marks name a workload.
func ownerOf(key mesh.Key) plan.Owner {
	return plan.Owner{Kind: string(key.Kind), Namespace: key.Namespace, Name: key.Name}
}

// Reads are the kinds on which Remove's answer depends: Kinds, and the settings of the mesh.
var Reads = append(slices.Clone(kinds), mesh.KindConfigMap)
