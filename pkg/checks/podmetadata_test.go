package checks

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// restsOnSpecs are cases whose pods show only in their spec what the injector always writes into an annotation too.
var restsOnSpecs = []string{"pod-predates-injection-good-native"}

// TestNoFalseAlarmOnMetadataOfPods holds that nothing more is found where only the pods' metadata is known, as in a cluster.
func TestNoFalseAlarmOnMetadataOfPods(t *testing.T) {
	for _, c := range corpusCases(t) {
		if slices.Contains(restsOnSpecs, c.name) {
			continue
		}
		var found []string
		for _, finding := range Run(c.snapshot(t, nil), Options{}).Findings {
			found = append(found, expectation(finding))
		}
		objects := slices.Concat(baseObjects(t, c.base), c.objects)
		for i, sourced := range objects {
			if pod, ok := sourced.Object.(*core.Pod); ok {
				objects[i].Object = &core.Pod{ObjectMeta: pod.ObjectMeta}
			}
		}
		for _, finding := range Run(mesh.New(objects, mesh.Options{Now: corpusNow}), Options{}).Findings {
			if finding.Level.AtLeast(Warning) {
				assert.Contains(t, found, expectation(finding), "%s: %s", c.name, finding.Message)
			}
		}
	}
}
