package oracle

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/pkg/model"
	istiomesh "istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/kube/inject"
	admissionreview "k8s.io/api/admission/v1"
	admissionregistration "k8s.io/api/admissionregistration/v1"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/webhook"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/namespace"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/object"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules"
	"k8s.io/client-go/kubernetes/fake"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// TestInjection compares what becomes of random pods: which webhooks the API server's own code calls, and what Istio's own
// injector then does.
func TestInjection(t *testing.T) {
	features.EnableNativeSidecars = features.NativeSidecarModeDisabled
	injected := 0
	for seed := *first; seed < *first+2000; seed++ {
		m, pod := NewInjectionMesh(seed)
		wantCalled, wantInjected := askAPIServer(t, m, pod)
		injection := proxy.InjectionOfPod(m.Snapshot(), pod.Namespace, &core.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec})
		var called []string
		for _, injector := range injection.Called {
			called = append(called, injector.Configuration.Name+" "+injector.Webhook.Name)
		}
		pods := (&Mesh{Objects: []mesh.Object{pod}}).YAML()
		require.ElementsMatchf(t, wantCalled, called, "seed %d: webhooks called\n%s---\n%s", seed, m.YAML(), pods)
		require.Equalf(t, wantInjected, injection.Injected, "seed %d: injected\n%s---\n%s", seed, m.YAML(), pods)
		if wantInjected {
			injected++
		}
	}
	require.Greater(t, injected, 200, "the random pods are hardly ever injected")
}

// askAPIServer gives the webhooks that are called for a new pod, and whether one of them injects it.
func askAPIServer(t *testing.T, m *Mesh, pod *core.Pod) (called []string, injected bool) {
	namespaces := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	for _, known := range objectsOf[*core.Namespace](m) {
		require.NoError(t, namespaces.Add(known))
	}
	byNamespace := namespace.Matcher{NamespaceLister: corelisters.NewNamespaceLister(namespaces), Client: fake.NewClientset()}
	request := admission.NewAttributesRecord(pod, nil, core.SchemeGroupVersion.WithKind("Pod"), pod.Namespace, pod.Name,
		core.SchemeGroupVersion.WithResource("pods"), "", admission.Create, &metav1.CreateOptions{}, false, nil)
	for _, configuration := range objectsOf[*admissionregistration.MutatingWebhookConfiguration](m) {
		for i := range configuration.Webhooks {
			hook := &configuration.Webhooks[i]
			accessor := webhook.NewMutatingWebhookAccessor(hook.Name, configuration.Name, hook)
			if !selects(t, &byNamespace, accessor, request) {
				continue
			}
			called = append(called, configuration.Name+" "+hook.Name)
			injected = askInjector(t, m, configuration.Labels[revisionLabel], pod) || injected
		}
	}
	return called, injected
}

func selects(t *testing.T, byNamespace *namespace.Matcher, accessor webhook.WebhookAccessor, request admission.Attributes) bool {
	for _, rule := range accessor.GetRules() {
		if !(&rules.Matcher{Rule: rule, Attr: request}).Matches() {
			continue
		}
		inNamespace, status := byNamespace.MatchNamespaceSelector(parsed{accessor}, request)
		if status != nil {
			require.NoError(t, status)
		}
		ofObject, status := (&object.Matcher{}).MatchObjectSelector(parsed{accessor}, request)
		if status != nil {
			require.NoError(t, status)
		}
		return inNamespace && ofObject
	}
	return false
}

// parsed gives selectors after the defaults that the API server sets: one that is not there selects everything.
type parsed struct{ webhook.WebhookAccessor }

func (p parsed) GetParsedNamespaceSelector() (labels.Selector, error) {
	return selectorOrAll(p.GetNamespaceSelector())
}

func (p parsed) GetParsedObjectSelector() (labels.Selector, error) {
	return selectorOrAll(p.GetObjectSelector())
}

func selectorOrAll(selector *metav1.LabelSelector) (labels.Selector, error) {
	if selector == nil {
		selector = &metav1.LabelSelector{}
	}
	return metav1.LabelSelectorAsSelector(selector)
}

// fixedConfig is an injector's configuration that does not change.
type fixedConfig struct {
	config *inject.Config
	values string
}

func (f fixedConfig) SetHandler(func(*inject.Config, string) error) {}
func (f fixedConfig) Run(<-chan struct{})                           {}
func (f fixedConfig) Get() (*inject.Config, string, error)          { return f.config, f.values, nil }

// askInjector sends the pod to Istio's injector of a revision, and says whether it changes it.
func askInjector(t *testing.T, m *Mesh, revision string, pod *core.Pod) bool {
	name := "istio-sidecar-injector"
	if revision != "default" {
		name += "-" + revision
	}
	for _, configMap := range objectsOf[*core.ConfigMap](m) {
		if configMap.Name != name {
			continue
		}
		config, err := inject.UnmarshalConfig([]byte(configMap.Data["config"]))
		require.NoError(t, err)
		mux, environment := http.NewServeMux(), model.NewEnvironment()
		environment.Watcher = meshwatcher.NewTestWatcher(istiomesh.DefaultMeshConfig())
		environment.SetPushContext(model.NewPushContext())
		_, err = inject.NewWebhook(inject.WebhookParameters{
			Watcher: fixedConfig{&config, configMap.Data["values"]}, Env: environment, Mux: mux, Revision: revision,
		})
		require.NoError(t, err)
		response := review(t, mux, pod)
		require.Truef(t, response.Allowed, "the injector fails: %v", response.Result)
		return len(response.Patch) > 0
	}
	t.Fatalf("no ConfigMap %s", name)
	return false
}

func review(t *testing.T, handler http.Handler, pod *core.Pod) *admissionreview.AdmissionResponse {
	raw, err := json.Marshal(pod)
	require.NoError(t, err)
	asked := admissionreview.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request:  &admissionreview.AdmissionRequest{UID: "1", Namespace: pod.Namespace, Object: runtime.RawExtension{Raw: raw}},
	}
	body, err := json.Marshal(asked)
	require.NoError(t, err)
	request := httptest.NewRequest(http.MethodPost, "/inject", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	answered := admissionreview.AdmissionReview{}
	require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &answered))
	require.NotNil(t, answered.Response)
	return answered.Response
}
