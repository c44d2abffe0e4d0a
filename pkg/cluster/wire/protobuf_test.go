package wire

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// inProtobuf is a list as the API server sends it.
func inProtobuf(t testing.TB, list runtime.Object) []byte {
	t.Helper()
	var data bytes.Buffer
	require.NoError(t, protobuf.NewSerializer(BuiltIn(), BuiltIn()).Encode(list, &data))
	return data.Bytes()
}

// deploymentList are two Deployments with something in each part that is left out.
func deploymentList() *apps.DeploymentList {
	list := &apps.DeploymentList{}
	for _, name := range []string{"orders", "payments"} {
		list.Items = append(list.Items, apps.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: name, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "helm"}}},
			Spec: apps.DeploymentSpec{Template: core.PodTemplateSpec{Spec: core.PodSpec{
				Volumes:    []core.Volume{{Name: "data"}},
				Containers: []core.Container{{Name: "server", Args: []string{"--port=1"}, VolumeMounts: []core.VolumeMount{{Name: "data"}}}},
			}}},
		})
	}
	return list
}

// TestProtobufThatEndsTooSoon holds that an answer that breaks off is an error, never a shorter list.
func TestProtobufThatEndsTooSoon(t *testing.T) {
	whole := inProtobuf(t, deploymentList())
	read := func(data []byte) ([]runtime.Object, error) {
		list, err := fromProtobuf(bufio.NewReader(bytes.NewReader(data)), mesh.KindDeployment, false)
		if err != nil {
			return nil, err
		}
		return list.Items, nil
	}
	items, err := read(whole)
	require.NoError(t, err)
	require.Len(t, items, 2)
	// What follows the list in the envelope are two empty fields, of two bytes each.
	for end := range len(whole) - 4 {
		_, err := read(whole[:end])
		require.Error(t, err, "%d of %d bytes", end, len(whole))
	}
}

// FuzzProtobuf holds that no answer makes the reader panic, or take more memory than the answer is worth.
func FuzzProtobuf(f *testing.F) {
	whole := inProtobuf(f, deploymentList())
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("k8s\x00\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = fromProtobuf(bufio.NewReader(bytes.NewReader(data)), mesh.KindDeployment, false)
	})
}
