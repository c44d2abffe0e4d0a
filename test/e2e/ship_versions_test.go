package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
)

func TestVersion(t *testing.T) {
	s := on(t, onDefault)
	result := s.run("version", "-o", "json").exits(0)
	var document struct {
		Server struct {
			Kubernetes    string
			ControlPlanes []struct{ Revision, Version string }
			Warnings      []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(result.stdout), &document))
	assert.Regexp(t, `^v1\.37\.`, document.Server.Kubernetes)
	require.Len(t, document.Server.ControlPlanes, 1)
	assert.Equal(t, "default", document.Server.ControlPlanes[0].Revision)
	assert.Regexp(t, `^1\.31`, document.Server.ControlPlanes[0].Version)
	assert.Empty(t, document.Server.Warnings, "the stack is what is tested")
}

func TestVersionOfRevisions(t *testing.T) {
	s := on(t, onRevisions)
	s.run("version").exits(0).says("istiod                     revision 1-26", "istiod                     revision 1-27: 1.31", "(tags stable)")
}

func TestVersionWithoutIstio(t *testing.T) {
	s := on(t, onBare)
	s.run("version").exits(0).says("networking.istio.io        not installed", "warning: there is no istiod, and no webhook that leads to one")
}

// Two minor versions back, and with Istio's resources served as before 1.22 only: the whole way there and back.
func TestOldKubernetesAndOldResources(t *testing.T) {
	s := on(t, onOldKubernetes)
	serveOnly(s, "networking.istio.io", "v1beta1", "v1alpha3")
	serveOnly(s, "security.istio.io", "v1beta1")
	s.given(server)

	// The API server takes a moment to forget a version.
	require.Eventually(t, func() bool {
		found := s.runQuietly("version").exits(0).stdout
		return strings.Contains(found, "networking.istio.io        v1beta1, v1alpha3\n") && strings.Contains(found, "security.istio.io          v1beta1\n")
	}, time.Minute, 100*time.Millisecond)
	s.mapper.Reset()
	s.create("--dry-run=server").exits(0)
	s.create().exits(0).says("2 of 2 pods ready, 2 with a proxy")
	s.run("status", "deployment/server").exits(0)
	s.run("lint").exits(0)
	s.create().exits(0).says("nothing to change")
	s.delete().exits(0)
}

// serveOnly makes the API server serve the group's resources in no versions but these; resources that have none of them stay
// as they are. It holds for the stack's remaining life.
func serveOnly(s *scene, group string, versions ...string) {
	s.Helper()
	definitions := s.resource(s.T, "customresourcedefinitions.apiextensions.k8s.io", "")
	list, err := definitions.List(s.Context(), metav1.ListOptions{})
	require.NoError(s, err)
	for i := range list.Items {
		name := list.Items[i].GetName()
		if found, _, _ := unstructured.NestedString(list.Items[i].Object, "spec", "group"); found != group {
			continue
		}
		err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
			definition, err := definitions.Get(s.Context(), name, metav1.GetOptions{})
			require.NoError(s, err)
			served, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
			require.NoError(s, err)
			if !slices.ContainsFunc(served, func(version any) bool { return slices.Contains(versions, versionName(version)) }) {
				return nil
			}
			for _, version := range served {
				version.(map[string]any)["served"] = slices.Contains(versions, versionName(version))
			}
			patch, err := json.Marshal(map[string]any{"spec": map[string]any{"versions": served}})
			require.NoError(s, err)
			_, err = definitions.Patch(s.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{})
			return err
		})
		require.NoError(s, err)
	}
}

func versionName(version any) string {
	name, _ := version.(map[string]any)["name"].(string)
	return name
}
