package e2e

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// mapping is how the API server calls a resource that kubectl's users call "gateways.networking.istio.io".
func (s *sharedStack) mapping(name string) (*meta.RESTMapping, error) {
	resource := schema.ParseGroupResource(name).WithVersion("")
	kind, err := s.mapper.KindFor(resource)
	if meta.IsNoMatchError(err) {
		s.mapper.Reset()
		kind, err = s.mapper.KindFor(resource)
	}
	if err != nil {
		return nil, err
	}
	return s.mapper.RESTMapping(kind.GroupKind(), kind.Version)
}

// versions are the resourceVersions of all objects in the scene's namespace and in istio-system, of the namespace itself and
// of the webhooks: of every resource that the API server has. Events do not count, nor what components write all the time.
func (s *scene) versions() map[string]string {
	s.Helper()
	lists, err := s.discovery.ServerPreferredResources()
	require.NoError(s, err)
	versions := map[string]string{}
	var (
		guard sync.Mutex
		group sync.WaitGroup
	)
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		require.NoError(s, err)
		for _, resource := range list.APIResources {
			if !slices.Contains(resource.Verbs, "list") || restless(resource.Name) {
				continue
			}
			group.Go(func() {
				found := s.everywhere(version.WithResource(resource.Name))
				guard.Lock()
				defer guard.Unlock()
				for _, object := range found {
					if s.concerns(object) {
						versions[fmt.Sprintf("%s %s/%s", resource.Name, object.GetNamespace(), object.GetName())] = object.GetResourceVersion()
					}
				}
			})
		}
	}
	group.Wait()
	return versions
}

// concerns says that an object is one that a command in this scene could have written.
func (s *scene) concerns(object unstructured.Unstructured) bool {
	if object.GetKind() == "ConfigMap" && slices.Contains(inEveryNamespace, object.GetName()) {
		return false
	}
	switch object.GetNamespace() {
	case s.namespace, "istio-system":
		_, elected := object.GetAnnotations()["control-plane.alpha.kubernetes.io/leader"] // renewed every few seconds
		return !elected
	case "":
		return object.GetKind() != "Namespace" || object.GetName() == s.namespace
	default:
		return false
	}
}

// inEveryNamespace are the ConfigMaps that istiod and the controllers write into each namespace, some time after it is there.
var inEveryNamespace = []string{"istio-ca-root-cert", "istio-ca-crl", "kube-root-ca.crt"}

// restless are resources that components write all the time, or some time after they have started.
func restless(resource string) bool {
	return slices.Contains([]string{"events", "leases", "nodes", "componentstatuses", "apiservices", "endpoints", "endpointslices",
		"flowschemas", "prioritylevelconfigurations", "servicecidrs", "ipaddresses", "gatewayclasses"}, resource)
}

func (s *scene) everywhere(resource schema.GroupVersionResource) []unstructured.Unstructured {
	list, err := s.client.Resource(resource).List(s.Context(), metav1.ListOptions{})
	if !assert.NoError(s, err) {
		return nil
	}
	return list.Items
}

// writesNothing runs act and requires that no object has changed meanwhile.
func (s *scene) writesNothing(act func()) {
	s.Helper()
	before := s.versions()
	act()
	after := s.versions()
	for object, version := range before {
		if after[object] != version {
			assert.Fail(s, "an object has been written", "%s: version %s, then %q", object, version, after[object])
		}
	}
	for object := range after {
		if _, was := before[object]; !was {
			assert.Fail(s, "an object has been made", object)
		}
	}
}

// picture is everything in the scene's namespace that users write, the namespace, and the Services of the gateway's, as YAML,
// without what the API server and the controllers count themselves.
func (s *scene) picture() string {
	s.Helper()
	var b strings.Builder
	add := func(object unstructured.Unstructured) {
		plain := written(object)
		if s.leavesRestarts {
			unstructured.RemoveNestedField(plain.Object, "spec", "template", "metadata", "annotations")
		}
		text, err := yaml.Marshal(plain.Object)
		require.NoError(s, err)
		b.WriteString("---\n" + string(text))
	}
	add(*s.get("namespaces", s.namespace))
	for _, resource := range []string{
		"deployments.apps", "statefulsets.apps", "daemonsets.apps", "services", "configmaps", "secrets", "serviceaccounts",
		"gateways.networking.istio.io", "virtualservices.networking.istio.io", "destinationrules.networking.istio.io",
	} {
		for _, object := range s.list(resource) {
			add(object)
		}
	}
	gatewayServices, err := s.resource(s.T, "services", "istio-system").List(s.Context(), metav1.ListOptions{})
	require.NoError(s, err)
	for _, object := range gatewayServices.Items {
		add(object)
	}
	return b.String()
}

// written is an object without status, and without what is counted by those who store it.
func written(object unstructured.Unstructured) *unstructured.Unstructured {
	manifest := object.DeepCopy()
	delete(manifest.Object, "status")
	for _, counted := range []string{"resourceVersion", "generation", "managedFields"} {
		unstructured.RemoveNestedField(manifest.Object, "metadata", counted)
	}
	for _, counted := range []string{"deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation"} {
		unstructured.RemoveNestedField(manifest.Object, "metadata", "annotations", counted)
	}
	if len(manifest.GetAnnotations()) == 0 {
		unstructured.RemoveNestedField(manifest.Object, "metadata", "annotations")
	}
	return manifest
}

// show adds objects, as they are in the cluster, to the transcript.
func (s *scene) show(resource string, names ...string) {
	s.Helper()
	for _, name := range names {
		object := written(*s.get(resource, name))
		for _, given := range []string{"creationTimestamp", "uid"} {
			unstructured.RemoveNestedField(object.Object, "metadata", given)
		}
		unstructured.RemoveNestedField(object.Object, "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
		for _, given := range []string{"clusterIP", "clusterIPs"} {
			unstructured.RemoveNestedField(object.Object, "spec", given)
		}
		text, err := yaml.Marshal(object.Object)
		require.NoError(s, err)
		s.note(resource+" "+name, string(text))
	}
}

// patch merges a change, in JSON, into an object as somebody else would.
func (s *scene) patch(resource, name, change string) {
	s.Helper()
	s.kubectl("patch", resource, name, "-n", "test", "--type=merge", "-p", change)
}

// proxies are the pods of the scene with the name of the container in which they have a proxy, empty without.
func (s *scene) proxies() map[string]string {
	s.Helper()
	found := map[string]string{}
	for _, pod := range s.list("pods") {
		if pod.GetDeletionTimestamp() != nil {
			continue
		}
		found[pod.GetName()] = ""
		for _, kind := range []string{"containers", "initContainers"} {
			containers, _, _ := unstructured.NestedSlice(pod.Object, "spec", kind)
			for _, container := range containers {
				if container.(map[string]any)["name"] == "istio-proxy" {
					found[pod.GetName()] = kind
				}
			}
		}
	}
	return found
}

// hasProxies requires that there are so many pods and that every one has its proxy in that kind of container.
func (s *scene) hasProxies(count int, kind string) {
	s.Helper()
	proxies := s.proxies()
	assert.Len(s, proxies, count)
	for pod, found := range proxies {
		assert.Equal(s, kind, found, "where pod %s has its proxy", pod)
	}
}

// nativeSidecar and ordinarySidecar are where a pod has its proxy; noSidecar is for pods without.
const (
	nativeSidecar   = "initContainers"
	ordinarySidecar = "containers"
	noSidecar       = ""
)

// cleanup is for what is done after the test, when its own context has ended.
var cleanup = context.Background()

// restore gives an object outside the scene back what it was; for what a test itself, not the plugin, has changed.
func (s *scene) restore(resource, namespace string, before *unstructured.Unstructured) {
	client := s.resource(s.T, resource, namespace)
	now, err := client.Get(cleanup, before.GetName(), metav1.GetOptions{})
	if !assert.NoError(s, err) {
		return
	}
	before = before.DeepCopy()
	before.SetResourceVersion(now.GetResourceVersion())
	_, err = client.Update(cleanup, before, metav1.UpdateOptions{})
	assert.NoError(s, err)
}

// made is what an object has that was made a moment before: its identity, addresses and times.
var made = regexp.MustCompile(`(?m)^ *(uid|creationTimestamp|clusterIP|kubectl\.kubernetes\.io/(restartedAt|last-applied-configuration)): .*\n|^ *clusterIPs:\n *- .*\n|^ *\{"apiVersion".*\n`)

// withoutUIDs is a picture without what differs between an object and one that is made again. The order in which maps are
// printed is fixed, so the rest can be compared.
func withoutUIDs(picture string) string { return made.ReplaceAllString(picture, "") }

// remake makes an object anew that the test has deleted.
func (s *scene) remake(resource, namespace string, before *unstructured.Unstructured) {
	again := written(*before)
	for _, given := range []string{"uid", "creationTimestamp"} {
		unstructured.RemoveNestedField(again.Object, "metadata", given)
	}
	_, err := s.resource(s.T, resource, namespace).Create(cleanup, again, metav1.CreateOptions{})
	assert.NoError(s, err)
}
