package workload

import (
	"slices"
	"strings"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Workload is a Deployment, StatefulSet or DaemonSet: what makes pods from a template.
type Workload struct {
	// Object is the Deployment, StatefulSet or DaemonSet itself.
	Object mesh.Object
	Key    mesh.Key
	// Template is what the pods are made from.
	Template *core.PodTemplateSpec
	// Selector is the workload's own; nothing if it has none.
	Selector labels.Selector
	// Replicas is the wanted number of pods; for a DaemonSet the number of nodes that want one.
	Replicas int32
	// ReadyReplicas is the controller's count, 0 in files. Available ones are ready.
	ReadyReplicas int32
	// HasStatus says that the controller has reported: a manifest from a repository has no status.
	HasStatus bool
	// Paused Deployments do not roll out.
	Paused bool
}

// RestartedAtAnnotation, set on a pod template, makes the pods anew.
// Source: kubectl pkg/polymorphichelpers/objectrestarter.go, defaultObjectRestarter.
const RestartedAtAnnotation = "kubectl.kubernetes.io/restartedAt"

// RestartedAt is the value of RestartedAtAnnotation that makes the pods anew at that time. It counts in seconds: where the last
// restart was in the same one, the value is the next second, because the same value again would restart nothing.
func (w *Workload) RestartedAt(now time.Time) string {
	value := now.UTC().Format(time.RFC3339)
	if w.Template.Annotations[RestartedAtAnnotation] == value {
		return now.UTC().Add(time.Second).Format(time.RFC3339)
	}
	return value
}

// UpdatesOnDelete reports whether a StatefulSet's or DaemonSet's pods are only made anew when somebody deletes them.
func (w *Workload) UpdatesOnDelete() bool {
	switch object := w.Object.(type) {
	case *apps.StatefulSet:
		return object.Spec.UpdateStrategy.Type == apps.OnDeleteStatefulSetStrategyType
	case *apps.DaemonSet:
		return object.Spec.UpdateStrategy.Type == apps.OnDeleteDaemonSetStrategyType
	default:
		return false
	}
}

// Partition is the ordinal below which a change of a StatefulSet's template leaves the pods as they are.
// Source: Kubernetes pkg/controller/statefulset/stateful_set_control.go (doUpdateStatefulSet).
func (w *Workload) Partition() int32 {
	set, ok := w.Object.(*apps.StatefulSet)
	if !ok || set.Spec.UpdateStrategy.RollingUpdate == nil {
		return 0
	}
	return ValueOr(set.Spec.UpdateStrategy.RollingUpdate.Partition, 0)
}

// RollsOut reports whether a change of the template makes pods anew by itself, and RenewsAllPods that it does so with all of them.
func (w *Workload) RollsOut() bool { return !w.Paused && !w.UpdatesOnDelete() }

// RenewsAllPods is described at RollsOut.
func (w *Workload) RenewsAllPods() bool { return w.RollsOut() && w.Partition() == 0 }

// Namespace is the workload's.
func (w *Workload) Namespace() string { return w.Key.Namespace }

// Name is the workload's.
func (w *Workload) Name() string { return w.Key.Name }

// Kinds are the kinds of workloads, in the order in which a bare name is looked for.
var Kinds = []mesh.Kind{mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet}

// Workloads are the Deployments, StatefulSets and DaemonSets, in that order, each by namespace and name.
func Workloads(s *mesh.Snapshot) []*Workload { return workloads(s).all }

// WorkloadsIn are those of one namespace.
func WorkloadsIn(s *mesh.Snapshot, namespace string) []*Workload {
	return workloads(s).byNamespace[namespace]
}

// Get is the one of that identity, or nil.
func Get(s *mesh.Snapshot, key mesh.Key) *Workload { return workloads(s).byKey[key] }

// WorkloadsSelected are the workloads of a namespace whose pods a label selector matches, by the labels of their templates.
// An empty selector matches none, as that of a Service.
func WorkloadsSelected(s *mesh.Snapshot, namespace string, selector map[string]string) []*Workload {
	return workloadLabels(s).Matching(namespace, selector)
}

type workloadIndex struct {
	all         []*Workload
	byNamespace map[string][]*Workload
	byKey       map[mesh.Key]*Workload
}

type workloadsMemory struct{}

func workloads(s *mesh.Snapshot) *workloadIndex {
	s.Read(mesh.KindDeployment)
	s.Read(mesh.KindStatefulSet)
	s.Read(mesh.KindDaemonSet)
	return mesh.Remember(s, workloadsMemory{}, func() *workloadIndex {
		index := &workloadIndex{byNamespace: map[string][]*Workload{}, byKey: map[mesh.Key]*Workload{}}
		for _, deployment := range s.Deployments().All() {
			index.add(workloadOfDeployment(deployment))
		}
		for _, statefulSet := range s.StatefulSets().All() {
			index.add(workloadOfStatefulSet(statefulSet))
		}
		for _, daemonSet := range s.DaemonSets().All() {
			index.add(workloadOfDaemonSet(daemonSet))
		}
		return index
	})
}

func (i *workloadIndex) add(w *Workload) {
	i.all = append(i.all, w)
	i.byNamespace[w.Namespace()] = append(i.byNamespace[w.Namespace()], w)
	i.byKey[w.Key] = w
}

func workloadOfDeployment(d *apps.Deployment) *Workload {
	return &Workload{
		Object: d, Key: mesh.KeyOf(d), Template: &d.Spec.Template, Selector: SelectorOf(d.Spec.Selector),
		Replicas: ValueOr(d.Spec.Replicas, 1), ReadyReplicas: max(d.Status.ReadyReplicas, d.Status.AvailableReplicas),
		HasStatus: d.Status.ObservedGeneration > 0 || d.Status.Replicas > 0 || d.Status.UnavailableReplicas > 0, Paused: d.Spec.Paused,
	}
}

func workloadOfStatefulSet(set *apps.StatefulSet) *Workload {
	return &Workload{
		Object: set, Key: mesh.KeyOf(set), Template: &set.Spec.Template, Selector: SelectorOf(set.Spec.Selector),
		Replicas: ValueOr(set.Spec.Replicas, 1), ReadyReplicas: max(set.Status.ReadyReplicas, set.Status.AvailableReplicas),
		HasStatus: set.Status.ObservedGeneration > 0 || set.Status.Replicas > 0,
	}
}

func workloadOfDaemonSet(set *apps.DaemonSet) *Workload {
	return &Workload{
		Object: set, Key: mesh.KeyOf(set), Template: &set.Spec.Template, Selector: SelectorOf(set.Spec.Selector),
		Replicas: set.Status.DesiredNumberScheduled, ReadyReplicas: max(set.Status.NumberReady, set.Status.NumberAvailable),
		HasStatus: set.Status.ObservedGeneration > 0 || set.Status.DesiredNumberScheduled > 0,
	}
}

// SelectorOf is a label selector ready to match; one that cannot be read, or is not there, matches nothing.
func SelectorOf(selector *metav1.LabelSelector) labels.Selector {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return labels.Nothing()
	}
	return parsed
}

// ValueOr is what a pointer points to, or the other value for nil.
func ValueOr[T any](pointer *T, otherwise T) T {
	if pointer == nil {
		return otherwise
	}
	return *pointer
}

// PodsOf are a workload's pods that have not ended. A pod belongs to the workload that its controller is, or is made by: the
// ReplicaSet of a Deployment is named after it and the pod-template-hash label. A pod whose controller says neither belongs
// to the first workload whose selector matches it.
// Source: Kubernetes pkg/controller/deployment/sync.go (getNewReplicaSet), for the ReplicaSet's name.
func PodsOf(s *mesh.Snapshot, w *Workload) []*core.Pod { return podOwnersOf(s).pods[w.Key] }

// LivePodsOf are those of them that are not being deleted.
func LivePodsOf(s *mesh.Snapshot, w *Workload) []*core.Pod {
	return slices.DeleteFunc(slices.Clone(PodsOf(s, w)), func(pod *core.Pod) bool { return pod.DeletionTimestamp != nil })
}

// StrayPods are the pods of no workload that is known, by namespace and name, and StrayPodsSelected those of them that a
// selector matches, as PodsSelected has it.
func StrayPods(s *mesh.Snapshot) []*core.Pod { return podOwnersOf(s).stray }

// StrayPodsSelected is described at StrayPods.
func StrayPodsSelected(s *mesh.Snapshot, namespace string, selector map[string]string) []*core.Pod {
	return podOwnersOf(s).strayLabels.Matching(namespace, selector)
}

// PodTemplate is a pod as the template of its own kind, for pods of an owner that is not known.
func PodTemplate(pod *core.Pod) *core.PodTemplateSpec {
	return &core.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: pod.Labels, Annotations: pod.Annotations}, Spec: pod.Spec}
}

// TemplatesBehind are the shapes of the pods that a Service selects: the templates of workloads, and each pod of an owner that is
// not known.
func TemplatesBehind(s *mesh.Snapshot, service *core.Service) []*core.PodTemplateSpec {
	var templates []*core.PodTemplateSpec
	for _, workload := range WorkloadsOf(s, service) {
		templates = append(templates, workload.Template)
	}
	if !HasEndpoints(service) {
		return templates
	}
	for _, pod := range StrayPodsSelected(s, service.Namespace, service.Spec.Selector) {
		templates = append(templates, PodTemplate(pod))
	}
	return templates
}

type podOwners struct {
	pods        map[mesh.Key][]*core.Pod
	stray       []*core.Pod
	strayLabels *mesh.LabelIndex[*core.Pod]
}

type podOwnersMemory struct{}

func podOwnersOf(s *mesh.Snapshot) *podOwners {
	s.Read(mesh.KindPod)
	workloads(s)
	return mesh.Remember(s, podOwnersMemory{}, func() *podOwners {
		owners := &podOwners{pods: map[mesh.Key][]*core.Pod{}, strayLabels: mesh.NewLabelIndex[*core.Pod]()}
		for _, pod := range s.Pods().All() {
			if hasEnded(pod) {
				continue
			}
			if workload := ownerByReference(s, pod); workload != nil {
				owners.pods[workload.Key] = append(owners.pods[workload.Key], pod)
				continue
			}
			owners.stray = append(owners.stray, pod)
			owners.strayLabels.Add(pod.Namespace, pod.Labels, pod)
		}
		return owners
	})
}

func ownerByReference(s *mesh.Snapshot, pod *core.Pod) *Workload {
	if key, ok := ControllerOf(pod); ok {
		if workload := workloads(s).byKey[key]; workload != nil {
			return workload
		}
	}
	return selectorIndexOf(s).first(pod.Namespace, pod.Labels)
}

// ControllerOf is what the pod's controller reference says of its workload, which may be of a kind that is not read; ok is false
// where it says nothing.
func ControllerOf(pod *core.Pod) (key mesh.Key, ok bool) {
	controller := metav1.GetControllerOf(pod)
	if controller == nil {
		return mesh.Key{}, false
	}
	key = mesh.Key{Kind: mesh.Kind(controller.Kind), Namespace: pod.Namespace, Name: controller.Name}
	if controller.Kind == "ReplicaSet" {
		key.Kind = mesh.KindDeployment
		key.Name = strings.TrimSuffix(controller.Name, "-"+pod.Labels[apps.DefaultDeploymentUniqueLabelKey])
	}
	return key, true
}

// MatchLabels are the labels that a workload's own selector asks for, nil where it has none or asks for more than labels.
func MatchLabels(workload mesh.Object) map[string]string {
	var selector *metav1.LabelSelector
	switch typed := workload.(type) {
	case *apps.Deployment:
		selector = typed.Spec.Selector
	case *apps.StatefulSet:
		selector = typed.Spec.Selector
	case *apps.DaemonSet:
		selector = typed.Spec.Selector
	}
	if selector == nil || len(selector.MatchExpressions) > 0 {
		return nil
	}
	return selector.MatchLabels
}

// ProxyContainer is the name of the container that an injector adds.
const ProxyContainer = "istio-proxy"
