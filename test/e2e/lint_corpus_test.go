package e2e

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// liveCase is a case of the corpus, in namespaces that no other case has.
type liveCase struct {
	name string
	// expect and allow are findings as the header writes them.
	expect, allow []string
	namespaces    map[string]bool
	// ground are the namespaces, workloads, Services and what belongs to them; path is what meets other cases' objects at the gateway.
	ground, path []*unstructured.Unstructured
}

// notLive are the checks whose cases stand on what a cluster does not let a manifest say, or on a cluster of another kind.
var notLive = regexp.MustCompile(`^(GX101|GX110|GX111|` + // another control plane
	`GX106|GX107|GX109|GX202|GX415|GX416|` + // pods and statuses as only controllers make them
	`GX404) `) // a node port that the API server chooses

// ofPath are the kinds that meet those of other cases at the gateway.
var ofPath = []string{"networking.istio.io", "security.istio.io", "gateway.networking.k8s.io"}

// TestLintCorpusLive has the corpus' cases judged in a cluster: the API server with its defaults, admission and controllers may
// change nothing about what is found. The cases stand side by side, and meet the gateway one after the other.
func TestLintCorpusLive(t *testing.T) {
	s := on(t, onCorpus)
	cases := liveCases(t)
	require.Greater(t, len(cases), 80, "most cases can be had in a cluster")
	var ground bytes.Buffer
	for _, c := range cases {
		for _, object := range c.ground {
			writeYAML(t, &ground, object)
		}
	}
	defer s.removeCases(cases)
	require.NoError(t, s.Apply(t.Context(), ground.String()))
	s.awaitWorkloads()

	for _, c := range cases {
		s.judgeLive(c)
	}
}

func (s *scene) judgeLive(c liveCase) {
	s.Helper()
	for _, object := range c.path {
		client := s.clientFor(object)
		made, err := client.Create(s.Context(), object, metav1.CreateOptions{})
		if !assert.NoError(s, err, c.name) {
			return
		}
		defer func() { assert.NoError(s, client.Delete(cleanup, made.GetName(), metav1.DeleteOptions{})) }()
	}
	// No Service but the gateway's has an address here: GX415 is left out.
	command := []string{"lint", "-o", "json", "--fail-on", "never", "--checks", "-GX415"}
	if len(c.namespaces) == 1 {
		command = append(command, "--namespace", slices.Collect(maps.Keys(c.namespaces))[0])
	} else {
		command = append(command, "--all-namespaces")
	}
	result := s.runQuietly(command...).exits(0)
	found := []string{}
	for _, finding := range decodeReport(s, result.stdout).Findings {
		ours := c.namespaces[cmp.Or(finding.Object.Namespace, finding.Object.Name)]
		counts := finding.Level != "info" || slices.Contains(c.expect, finding.String())
		if ours && counts && !slices.Contains(c.allow, finding.String()) {
			found = append(found, finding.String())
		}
	}
	slices.Sort(found)
	assert.Equal(s, c.expect, slices.Compact(found), c.name)
}

// clientFor is the client for an object's resource in its namespace.
func (s *scene) clientFor(object *unstructured.Unstructured) dynamic.ResourceInterface {
	s.Helper()
	kind := object.GroupVersionKind()
	mapping, err := s.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	require.NoError(s, err)
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return s.client.Resource(mapping.Resource)
	}
	return s.client.Resource(mapping.Resource).Namespace(object.GetNamespace())
}

// awaitWorkloads waits until all rollouts of the stack are over.
func (s *scene) awaitWorkloads() {
	s.Helper()
	require.EventuallyWithT(s, func(c *assert.CollectT) {
		for _, resource := range []string{"deployments.apps", "statefulsets.apps", "daemonsets.apps"} {
			mapping, err := s.mapping(resource)
			require.NoError(c, err)
			for _, workload := range s.everywhere(mapping.Resource) {
				if strings.HasPrefix(workload.GetNamespace(), "live") {
					assert.Positive(c, podsWanted(c, workload), workload.GetNamespace()+"/"+workload.GetName())
				}
			}
		}
	}, rolloutPatience, 500*time.Millisecond)
}

// removeCases removes the namespaces of the cases, which go in their own time.
func (s *scene) removeCases(cases []liveCase) {
	arguments := []string{"delete", "namespace", "--wait=false", "--ignore-not-found"}
	for _, c := range cases {
		arguments = append(arguments, slices.Sorted(maps.Keys(c.namespaces))...)
	}
	_, err := s.Kubectl(cleanup, arguments...)
	assert.NoError(s, err)
}

// liveCases are the cases on the default mesh that need nothing in the control plane's namespace.
func liveCases(t *testing.T) []liveCase {
	t.Helper()
	files, err := filepath.Glob("../../pkg/lint/testdata/corpus/*.yaml")
	require.NoError(t, err)
	var cases []liveCase
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if c, live := liveCaseOf(t, filepath.Base(file), string(text), fmt.Sprintf("live%d", len(cases))); live {
			cases = append(cases, c)
		}
	}
	return cases
}

// liveCaseOf reads a case; live is false where a cluster cannot be made like it.
func liveCaseOf(t *testing.T, name, text, prefix string) (c liveCase, live bool) {
	t.Helper()
	if unlike.MatchString(text) {
		return c, false
	}
	text = inOwnNamespaces(text, prefix)
	c = liveCase{name: name, expect: []string{}, namespaces: map[string]bool{}}
	for line := range strings.Lines(text) {
		if expected, ok := strings.CutPrefix(line, "# expect: "); ok && strings.TrimSpace(expected) != "none" {
			c.expect = append(c.expect, strings.TrimSpace(expected))
		}
		if allowed, ok := strings.CutPrefix(line, "# allow: "); ok {
			c.allow = append(c.allow, strings.TrimSpace(allowed))
		}
	}
	slices.Sort(c.expect)
	// What is only allowed, and there, is as good as expected.
	c.expect = slices.DeleteFunc(c.expect, func(line string) bool { return slices.Contains(c.allow, line) })
	if slices.ContainsFunc(c.expect, notLive.MatchString) {
		return c, false
	}
	for document := range strings.SplitSeq(text, "\n---\n") {
		object := &unstructured.Unstructured{}
		require.NoError(t, yaml.Unmarshal([]byte(document), &object.Object), name)
		if len(object.Object) > 0 && !c.add(object) {
			return c, false
		}
	}
	return c, true
}

// unlike finds what a case cannot have in a stack: another base, a certain age, objects of the control plane's namespace, and
// Gateways for which istiod would make workloads of its own.
var unlike = regexp.MustCompile(`(?m)^# base: [^d]|creationTimestamp: |namespace: istio-system$|apiVersion: gateway\.networking\.k8s\.io|replicas: 0`)

// inOwnNamespaces gives the namespaces of a case names that no other case has, and that are good names of Protobuf packages, too:
// some routes are for calls of a package that is called as the namespace is.
func inOwnNamespaces(text, prefix string) string {
	for _, declared := range declaredNamespace.FindAllStringSubmatch(text, -1) {
		name := declared[1]
		word := regexp.MustCompile(`(^|[^A-Za-z0-9-])` + regexp.QuoteMeta(name) + `($|[^A-Za-z0-9-])`)
		text = word.ReplaceAllString(text, "${1}"+prefix+name+"${2}")
	}
	return text
}

var declaredNamespace = regexp.MustCompile(`(?m)^kind: Namespace\nmetadata:\n  name: ([a-z0-9-]+)$`)

// add takes an object of the case, as a user would write it: what controllers make is left to them. It is false for an object
// that a case may not have in a cluster.
func (c *liveCase) add(object *unstructured.Unstructured) bool {
	switch object.GetKind() {
	case "Pod":
		return len(object.GetOwnerReferences()) > 0
	case "EndpointSlice":
		return true
	case "Namespace":
		c.namespaces[object.GetName()] = true
	case "MutatingWebhookConfiguration", "GatewayClass", "CustomResourceDefinition":
		return false
	case "Service":
		if address, _, _ := unstructured.NestedString(object.Object, "spec", "clusterIP"); address != "None" {
			unstructured.RemoveNestedField(object.Object, "spec", "clusterIP")
		}
		ports, _, _ := unstructured.NestedSlice(object.Object, "spec", "ports")
		for _, port := range ports {
			delete(port.(map[string]any), "nodePort")
		}
		if len(ports) > 0 {
			_ = unstructured.SetNestedSlice(object.Object, ports, "spec", "ports") // it was a slice
		}
	}
	delete(object.Object, "status")
	if account, of, _ := unstructured.NestedString(object.Object, "spec", "template", "spec", "serviceAccountName"); of && account != "default" {
		c.ground = append(c.ground, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "ServiceAccount", "metadata": map[string]any{"namespace": object.GetNamespace(), "name": account},
		}})
	}
	if slices.Contains(ofPath, object.GroupVersionKind().Group) {
		c.path = append(c.path, object)
	} else {
		c.ground = append(c.ground, object)
	}
	return true
}

func writeYAML(t *testing.T, to *bytes.Buffer, object *unstructured.Unstructured) {
	t.Helper()
	text, err := yaml.Marshal(object.Object)
	require.NoError(t, err)
	to.WriteString("---\n")
	to.Write(text)
}
