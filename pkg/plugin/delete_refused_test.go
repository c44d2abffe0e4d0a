package plugin

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/fakeapi"
)

// TestRefusedNoteEndsNoDelete has a note beside the workload that would give two ports one name, which the API server does not take.
func TestRefusedNoteEndsNoDelete(t *testing.T) {
	const bad = `apiVersion: v1
kind: Service
metadata:
  name: other
  namespace: test
  annotations: {grpcexpose/undo: '[{"path":["spec","ports","port=80,protocol=TCP","name"],"old":"b","new":"a","for":["Deployment/test/server"]},{"path":["spec","ports","port=80,protocol=TCP","name"],"old":"c","new":"a","for":["Deployment/test/server"]}]'}
spec: {clusterIP: 10.0.0.78, selector: {app: server}, ports: [{name: a, port: 80, protocol: TCP, targetPort: 80}, {name: b, port: 81, protocol: TCP, targetPort: 81}]}
`
	server := fakeapi.New(t, planted(worldObjects(t, exposed), storedObjects(t, "bad", bad))...)
	got := runOn(t, server, "delete", "deployment/server", "-n", "test", "--timeout", "8s")
	assert.NotEqual(t, ExitFailed, got.code, got.err)
	assert.Contains(t, got.err, "Service test/other is left as it is: what its annotation grpcexpose/undo says to restore is not taken")
	assert.Contains(t, got.out, "is undone, but for what the notes say")
	for _, object := range server.Objects() {
		if object.GetNamespace() == "test" {
			assert.NotContains(t, []string{"VirtualService", "Gateway"}, object.GetKind(), "the exposure is gone")
		}
	}
}
