package lint

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// restsOnSpecs are cases whose pods show only in their spec what the injector always writes into an annotation too.
var restsOnSpecs = []string{"pod-predates-injection-good-native"}

// TestNoFalseAlarmOnMetadataOfPods holds that nothing more is found where only the pods' metadata is known, as in a cluster.
func TestNoFalseAlarmOnMetadataOfPods(t *testing.T) {
	for _, c := range casetest.All(t) {
		if slices.Contains(restsOnSpecs, c.Name) {
			continue
		}
		var found []string
		for _, finding := range Run(c.Snapshot(t, nil), Options{}).Findings {
			found = append(found, casetest.Expectation(finding))
		}
		objects := slices.Concat(casetest.Base(t, c.Base), c.Objects)
		for i, sourced := range objects {
			if pod, ok := sourced.Object.(*core.Pod); ok {
				objects[i].Object = &core.Pod{ObjectMeta: pod.ObjectMeta}
			}
		}
		for _, finding := range Run(mesh.New(objects, mesh.Options{Now: casetest.Now}), Options{}).Findings {
			if finding.Level.AtLeast(checks.Warning) {
				assert.Contains(t, found, casetest.Expectation(finding), "%s: %s", c.Name, finding.Message)
			}
		}
	}
}
