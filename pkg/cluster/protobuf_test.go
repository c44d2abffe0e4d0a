package cluster

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster/wire"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// inProtobuf is a list as the API server sends it.
func inProtobuf(t testing.TB, list runtime.Object) []byte {
	t.Helper()
	var data bytes.Buffer
	require.NoError(t, protobuf.NewSerializer(wire.BuiltIn(), wire.BuiltIn()).Encode(list, &data))
	return data.Bytes()
}

func deploymentList() *apps.DeploymentList {
	owned := []metav1.ManagedFieldsEntry{{Manager: "helm", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)}}
	list := &apps.DeploymentList{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "DeploymentList"},
		ListMeta: metav1.ListMeta{ResourceVersion: "42"},
	}
	for _, name := range []string{"orders", "carts"} {
		list.Items = append(list.Items, apps.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: map[string]string{"app": name}, ManagedFields: owned},
			Spec: apps.DeploymentSpec{Template: core.PodTemplateSpec{Spec: core.PodSpec{
				Volumes:        []core.Volume{{Name: "data"}},
				InitContainers: []core.Container{{Name: "proxy", VolumeMounts: []core.VolumeMount{{Name: "data"}}}},
				Containers: []core.Container{{
					Name: "server", Image: "server:1", VolumeMounts: []core.VolumeMount{{Name: "data"}},
					Resources: core.ResourceRequirements{Limits: core.ResourceList{core.ResourceCPU: resource.MustParse("1")}},
				}, {Name: "second", Args: []string{"--port=1"}}},
			}}},
			Status: apps.DeploymentStatus{ReadyReplicas: 1, Conditions: []apps.DeploymentCondition{{Type: apps.DeploymentAvailable}}},
		})
	}
	return list
}

func TestLoadReadsProtobuf(t *testing.T) {
	sent := deploymentList()
	f := newFakeServer(t)
	f.on("GET /apis/apps/v1/deployments", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
		_, _ = w.Write(inProtobuf(t, sent))
	})
	for _, entire := range []bool{true, false} {
		loaded, err := f.client.Load(t.Context(), LoadRequest{Kinds: map[mesh.Kind][]string{mesh.KindDeployment: nil}, Entire: entire})
		require.NoError(t, err)
		read := loaded.Snapshot.Deployments().All()
		require.Len(t, read, 2)
		want := sent.DeepCopy().Items
		if !entire {
			for i := range want {
				want[i].ManagedFields, want[i].Status.Conditions = nil, nil
				spec := &want[i].Spec.Template.Spec
				spec.Volumes, spec.InitContainers[0].VolumeMounts = nil, nil
				spec.Containers[0].VolumeMounts, spec.Containers[0].Resources = nil, core.ResourceRequirements{}
			}
		}
		for i, deployment := range []*apps.Deployment{read[1], read[0]} {
			assert.Equal(t, want[i].ObjectMeta, deployment.ObjectMeta)
			assert.Equal(t, want[i].Status, deployment.Status)
			assert.True(t, equality.Semantic.DeepEqual(want[i].Spec.Template, deployment.Spec.Template), "%v", deployment.Spec.Template)
		}
	}
}
