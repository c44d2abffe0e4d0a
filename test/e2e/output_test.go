package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What a dry run shows, in every form. None writes anything.
func TestDryRun(t *testing.T) {
	for name, flags := range map[string][]string{
		"client":      {"--dry-run=client"},
		"server":      {"--dry-run=server"},
		"diff":        {"--dry-run=client", "--diff"},
		"server-diff": {"--dry-run=server", "--diff"},
		"yaml":        {"--dry-run=client", "-o", "yaml"},
		"server-yaml": {"--dry-run=server", "-o", "yaml"},
		"json":        {"--dry-run=client", "-o", "json"},
		"name":        {"--dry-run=client", "-o", "name"},
		"plan":        {"--dry-run=client", "-o", "plan"},
	} {
		t.Run(name, func(t *testing.T) {
			s := on(t, onDefault)
			s.given(server + "---" + service(`, name: http`))
			s.settled()
			s.writesNothing(func() {
				s.create(flags...).exits(0)
				s.runQuietly(recipe(append(flags, "--exit-code")...)...).exits(1)
			})
			s.runQuietly(recipe()...).exits(0)
			s.settled()
			s.writesNothing(func() {
				s.runQuietly(recipe(append(flags, "--exit-code")...)...).exits(0)
				s.delete(flags...).exits(0)
			})
			s.golden()
		})
	}
}

// The YAML of a dry run, applied by kubectl and with the restart that it notes, leaves create nothing to do.
func TestYAMLAppliedByKubectl(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + service(`, name: http`))
	printed := s.runQuietly(recipe("--dry-run=client", "-o", "yaml")...).exits(0).says("kubectl rollout restart deployment/server").raw
	s.given(printed)
	s.kubectl("rollout", "restart", "deployment/server", "-n", "test")
	s.settled()
	s.hasProxies(2, nativeSidecar)
	s.writesNothing(func() { s.runQuietly(recipe()...).exits(0).says("nothing to change") })
}

// The result of a real create for machines.
func TestOutput(t *testing.T) {
	for _, format := range []string{"yaml", "name", "plan"} {
		t.Run(format, func(t *testing.T) {
			s := on(t, onDefault)
			s.given(server)
			s.create("-o", format).exits(0)
			s.delete("-o", format).exits(0)
			s.golden()
		})
	}
}

func TestEvents(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	s.create().exits(0)
	s.delete().exits(0)
	events, err := s.resource(t, "events", s.namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.kind=Deployment"})
	require.NoError(t, err)
	told := map[string]string{}
	for _, event := range events.Items {
		source, _, _ := unstructured.NestedString(event.Object, "source", "component")
		if source == "kubectl-grpcexpose" {
			told[event.Object["reason"].(string)] = event.Object["type"].(string) + ": " + s.plain(event.Object["message"].(string))
		}
	}
	assert.Equal(t, map[string]string{
		"Exposed":   "Normal: gRPC port 50051 is exposed at GATEWAY-ADDRESS:8000 for hosts *",
		"Unexposed": "Normal: what create did has been undone",
	}, told)
}
