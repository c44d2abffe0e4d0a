package oracle

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

// lawMeshes is the number of meshes on which a law is tried: a law takes several runs of istiod for each.
func lawMeshes() uint64 { return max(40, *count/4) }

// TestCreateMakesThePathWhole holds create's plans against istiod: after them a call to the new address comes to every ready
// pod of the workload, and of others that its Service selects too, by HTTP/2.
func TestCreateMakesThePathWhole(t *testing.T) {
	whole := 0
	refusals := map[string]int{}
	for seed := *first; seed < *first+lawMeshes(); seed++ {
		m := NewMesh(seed)
		intent := randomIntent(m, seed)
		result, err := expose.Build(intent, m.Snapshot())
		if problem := (*expose.Error)(nil); errors.As(err, &problem) {
			refusals[problem.Problem]++
			continue
		}
		require.NoErrorf(t, err, "seed %d", seed)
		if result.TLS {
			continue // an existing server ends TLS there; the call here is in plaintext
		}
		after := carriedOut(t, m, result.Plan.Changes)
		if id := faultOnPath(t, after.Snapshot(), result); id != "" {
			refusals[id]++ // create judges the path as well, and refuses what would not work
			continue
		}
		text := fmt.Sprintf("seed %d: %+v\n%s", seed, intent, newObjects(m, after))
		for _, pod := range result.Gateway.Pods {
			ports, open := gateway.ListenerPorts(after.Snapshot(), gatewayOf(after, pod), uint32(result.Port))
			require.Truef(t, open, "port %d is not open: %s", result.Port, text)
			journey, err := Travel(after, pod, ports[0], callable(result.Hosts), "/new.Service/Call")
			require.NoError(t, err)
			require.Emptyf(t, journey.End, "route %s: %s", journey.Route, text)
			require.Containsf(t, []string{"HTTP/2", "as the client"}, journey.HTTP, text)
			require.ElementsMatchf(t, readyAddresses(after, result), journey.Endpoints, text)
			for _, pod := range workload.PodsOf(after.Snapshot(), result.Workload) {
				if isReady(pod) {
					require.Containsf(t, journey.Endpoints, address(pod.Status.PodIP, int(result.TargetPort)), text)
				}
			}
		}
		whole++
	}
	t.Logf("%d paths are whole; refused: %v", whole, refusals)
	require.Greater(t, whole, int(lawMeshes())/10, "hardly any random mesh lets create make a path")
}

// faultOnPath is the check with an error about what create makes or uses, empty if there is none.
func faultOnPath(t *testing.T, after *mesh.Snapshot, result *expose.Result) string {
	// The meshes have no injectors, and create is told to leave injection alone.
	judging, err := lint.Select([]string{"-GX1", "-GX202", "-GX416"})
	require.NoError(t, err)
	options := lint.Options{Checks: judging, Only: lint.OnPathOf(after, result.Workload.Key)}
	for _, finding := range lint.Run(after, options).Findings {
		object := mesh.NamespacedName(finding.Object)
		switch mesh.KeyOf(finding.Object).Kind {
		case mesh.KindVirtualService:
			if object != result.VirtualService {
				continue
			}
		case mesh.KindGateway:
			if object != result.GatewayObject {
				continue
			}
		}
		if finding.Level == checks.Error {
			return finding.ID
		}
	}
	return ""
}

// randomIntent asks for one of the mesh's workloads, at a port that its gateway may have open.
func randomIntent(m *Mesh, seed uint64) expose.Intent {
	workloads := m.Snapshot().Deployments().All()
	workload := workloads[int(seed)%len(workloads)]
	pods := m.gatewayPods()
	intent := expose.Intent{
		Kind: mesh.KindDeployment, Namespace: workload.Namespace, Name: workload.Name, TargetPort: intstr.FromInt32(50051),
		Inject: expose.InjectNone, Restart: remedy.RestartNone, GatewaySelector: pods[int(seed)%len(pods)].Labels,
		OpenGatewayPort: seed%2 == 0, Port: []int32{0, 80, 8000, 7443}[seed%4],
	}
	if seed%3 != 0 {
		intent.Hosts = []string{[]string{"new.example.org", "a.example.com"}[seed%2]}
	}
	return intent
}

func callable(hosts []string) string {
	if len(hosts) == 0 || hosts[0] == "*" {
		return "nobody-else.example.net"
	}
	return strings.Replace(hosts[0], "*", "x", 1)
}

// carriedOut is the mesh after the changes.
func carriedOut(t *testing.T, m *Mesh, changes []plan.Change) *Mesh {
	t.Helper()
	snapshot, err := projection.Of(m.Snapshot(), changes)
	require.NoError(t, err)
	after := &Mesh{Seed: m.Seed}
	for _, kind := range mesh.Kinds() {
		after.Objects = append(after.Objects, snapshot.Objects(kind)...)
	}
	for _, object := range after.Objects {
		require.NoErrorf(t, refused(object), "istiod would refuse %s of seed %d", mesh.KeyOf(object), m.Seed)
	}
	return after
}

func newObjects(before, after *Mesh) string {
	snapshot := before.Snapshot()
	added := &Mesh{}
	for _, object := range after.Objects {
		if snapshot.Find(mesh.KeyOf(object)) == nil {
			added.Objects = append(added.Objects, object)
		}
	}
	return added.YAML() + "--- in\n" + before.YAML()
}

func gatewayOf(m *Mesh, pod *core.Pod) *proxy.GatewayWorkload {
	for _, workload := range proxy.GatewayWorkloads(m.Snapshot()) {
		for _, member := range workload.Pods {
			if member.Namespace == pod.Namespace && member.Name == pod.Name {
				return workload
			}
		}
	}
	return nil
}

// readyAddresses are those of the ready pods behind the Service port: the workload's, and those of others that it selects.
func readyAddresses(m *Mesh, result *expose.Result) []string {
	var addresses []string
	snapshot := m.Snapshot()
	service, _ := snapshot.Services().Get(result.Service.Namespace, result.Service.Name)
	for _, port := range service.Spec.Ports {
		if port.Port != result.ServicePort || port.Protocol != core.ProtocolTCP {
			continue
		}
		for _, pod := range workload.PodsSelected(snapshot, service.Namespace, service.Spec.Selector) {
			number, _, has := workload.TargetPort(&port, &core.PodTemplateSpec{Spec: pod.Spec})
			if has && isReady(pod) {
				addresses = append(addresses, address(pod.Status.PodIP, int(number)))
			}
		}
	}
	return addresses
}

// TestSafeFixes holds safe fixes: after one the finding is gone, the model still says what istiod does, and where the fix edits a
// Service, istiod does nothing else otherwise. That no finding is new is not asked: random meshes have faults behind faults.
func TestSafeFixes(t *testing.T) {
	fixed := map[string]int{}
	for seed := *first; seed < *first+lawMeshes()/5; seed++ {
		m := NewMesh(seed)
		istiod, err := AskIstiod(m)
		require.NoError(t, err)
		for _, finding := range lint.Run(m.Snapshot(), lint.Options{}).Findings {
			if finding.Fix.Level != checks.Safe || len(finding.Fix.Changes) == 0 || fixed[finding.ID] >= 20 {
				continue
			}
			requireFixed(t, m, istiod, finding)
			fixed[finding.ID]++
		}
	}
	t.Logf("fixed: %v", fixed)
	require.NotEmpty(t, fixed, "no random mesh has a finding with a safe fix")
}

func requireFixed(t *testing.T, m *Mesh, istiodBefore Facts, fixed checks.Finding) {
	t.Helper()
	after := carriedOut(t, m, fixed.Fix.Changes)
	text := fmt.Sprintf("seed %d: %s %s: %s\nfix: %s\n", m.Seed, fixed.ID, mesh.KeyOf(fixed.Object), fixed.Message, fixed.Fix.Text)
	for _, finding := range lint.Run(after.Snapshot(), lint.Options{}).Findings {
		require.NotEqualf(t, identity(fixed)+fixed.Path.String(), identity(finding)+finding.Path.String(), "still there: %s", text)
	}
	istiodAfter, err := AskIstiod(after)
	require.NoError(t, err)
	require.Emptyf(t, Compare(istiodAfter, AskModel(after)), text)
	if len(fixed.Fix.Changes) == 1 && fixed.Fix.Changes[0].Object.GetKind() == "Service" {
		changed := fixed.Fix.Changes[0].Object
		host := changed.GetName() + "." + changed.GetNamespace() + ".svc.cluster.local"
		for _, difference := range Compare(istiodBefore, istiodAfter) {
			isOfService := difference.topic == topicCluster && strings.Contains(difference.subject, host)
			require.Truef(t, isOfService, "%s changes %s", text, difference)
		}
	}
}

func identity(finding checks.Finding) string {
	return finding.ID + " " + mesh.KeyOf(finding.Object).String()
}
