package execution

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// What somebody else's manifest sets by now is left to him, and said; what nobody owns, or a person set with kubectl, is undone.
func TestAdoptedFieldsStay(t *testing.T) {
	for manager, stays := range map[string]bool{"argocd-controller": true, "kubectl-edit": false} {
		t.Run(manager, func(t *testing.T) {
			object := &unstructured.Unstructured{}
			require.NoError(t, yaml.Unmarshal([]byte(`
apiVersion: v1
kind: Namespace
metadata:
  name: test
  labels: {istio-injection: enabled}
  managedFields:
  - {manager: `+manager+`, operation: Apply, apiVersion: v1, fieldsType: FieldsV1, fieldsV1: {"f:metadata": {"f:labels": {"f:istio-injection": {}}}}}
`), object))
			path := plan.Path{"metadata", "labels", "istio-injection"}
			changes := []plan.Change{{
				Action: plan.Update, Object: object, Undo: plan.Forget, Edits: []plan.Edit{plan.Set(object, nil, path...)},
			}}
			left, _ := LeaveAdopted(changes, nil, plan.Manager)
			change := changes[0]
			assert.Equal(t, stays, len(change.Edits) == 0)
			assert.Equal(t, stays, len(change.Forgotten) == 1)
			assert.Equal(t, stays, strings.Contains(strings.Join(left, ""), "Argo CD sets it by now"))
		})
	}
}
