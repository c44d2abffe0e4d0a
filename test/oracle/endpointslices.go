package oracle

import (
	"fmt"
	"io"
	"time"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	corelisters "k8s.io/client-go/listers/core/v1"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/endpointslice"
	"k8s.io/endpointslice/util"
	"k8s.io/klog/v2"
)

func init() { klog.SetOutput(io.Discard); klog.LogToStderr(false) }

// slicer runs Kubernetes' own endpoint slice reconciler, and keeps what it would have written.
type slicer struct {
	reconciler *endpointslice.Reconciler
	written    []*discovery.EndpointSlice
}

const sliceController = "endpointslice-controller.k8s.io"

func newSlicer() *slicer {
	s := &slicer{}
	client := fake.NewClientset()
	client.PrependReactor("create", "endpointslices", func(action k8stesting.Action) (bool, runtime.Object, error) {
		slice := action.(k8stesting.CreateAction).GetObject().(*discovery.EndpointSlice)
		slice.Name = fmt.Sprintf("%s%d", slice.GenerateName, len(s.written))
		s.written = append(s.written, slice)
		return true, slice, nil
	})
	nodes := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	_ = nodes.Add(&core.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}}) // an indexer in memory takes everything
	s.reconciler = endpointslice.NewReconciler(client, corelisters.NewNodeLister(nodes), 100,
		util.NewEndpointSliceTracker(), nil, record.NewFakeRecorder(1000), sliceController)
	return s
}

// endpointSlices are those that Kubernetes would make for the Services of a mesh.
func endpointSlices(m *Mesh) ([]*discovery.EndpointSlice, error) {
	s := newSlicer()
	pods := objectsOf[*core.Pod](m)
	for _, service := range objectsOf[*core.Service](m) {
		if len(service.Spec.Selector) == 0 || service.Spec.Type == core.ServiceTypeExternalName {
			continue
		}
		var selected []*core.Pod
		for _, pod := range pods {
			if pod.Namespace == service.Namespace && labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(pod.Labels)) {
				selected = append(selected, pod)
			}
		}
		service := service.DeepCopy()
		service.Spec.IPFamilies = []core.IPFamily{core.IPv4Protocol}
		if err := s.reconciler.Reconcile(klog.Background(), service, selected, nil, time.Time{}); err != nil {
			return nil, fmt.Errorf("the endpoints of Service %s/%s cannot be worked out: %w", service.Namespace, service.Name, err)
		}
	}
	return s.written, nil
}
