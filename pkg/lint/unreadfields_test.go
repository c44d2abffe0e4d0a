package lint

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// TestChecksDoNotReadWhatListsLeaveOut holds that volumes and resources of pod templates, which are not read from a cluster (see
// notOfCalls in package cluster), change nothing about what is found.
func TestChecksDoNotReadWhatListsLeaveOut(t *testing.T) {
	for _, c := range casetest.All(t) {
		var want, got []string
		for _, finding := range Run(c.Snapshot(t, nil), Options{}).Findings {
			want = append(want, casetest.Expectation(finding)+finding.Message)
		}
		objects := slices.Concat(casetest.Base(t, c.Base), c.Objects)
		for i := range objects {
			objects[i].Object = objects[i].Object.DeepCopyObject().(mesh.Object)
		}
		for _, workload := range workload.Workloads(mesh.New(objects, mesh.Options{})) {
			fill(&workload.Template.Spec)
			for i, sourced := range objects {
				if mesh.KeyOf(sourced.Object) == workload.Key {
					objects[i].Object = workload.Object
				}
			}
		}
		for _, finding := range Run(mesh.New(objects, mesh.Options{Now: casetest.Now}), Options{}).Findings {
			got = append(got, casetest.Expectation(finding)+finding.Message)
		}
		assert.Equal(t, want, got, c.Name)
	}
}

func fill(spec *core.PodSpec) {
	spec.Volumes = []core.Volume{{Name: "istio-envoy", VolumeSource: core.VolumeSource{HostPath: &core.HostPathVolumeSource{Path: "/"}}}}
	for _, containers := range [][]core.Container{spec.Containers, spec.InitContainers} {
		for i := range containers {
			containers[i].VolumeMounts = []core.VolumeMount{{Name: "istio-envoy", MountPath: "/etc/istio/proxy"}}
			containers[i].Resources.Limits = core.ResourceList{core.ResourceMemory: resource.MustParse("1Ki")}
		}
	}
}
