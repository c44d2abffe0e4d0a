package plugin

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/fakeapi"
)

// attacked is a command that an administrator runs on a cluster with an attacker in it.
type attacked struct {
	name      string
	world     world
	arguments []string
	// format is that of the output, for machines; empty for people.
	format string
	// writes are the namespaces into which the command may write; none for one that only reads.
	writes []string
	// refuses: the command may refuse, and then writes nothing, where the attack stands in its way.
	refuses bool
	// idle: without an attack there is nothing to do.
	idle bool
	// keeps are the namespaces in which it may do less than without the attack: what others have come to use stays.
	keeps []string
}

// everyNamespace are the namespaces of the worlds.
var everyNamespace = []string{"test", "bank", "shop", "istio-system", attacker}

// attackedCommands is every command that reads a cluster, in the ways that matter.
func attackedCommands() []attacked {
	with := func(arguments []string, more ...string) []string { return append(slices.Clone(arguments), more...) }
	create, onPort := createArguments, createOnPort
	onHost := with(create, "--host", "server.example.com")
	onTLS := []string{"create", "deployment/server", "-n", "test", "--port", "443", "--target-port", "50051", "--host", "server.example.com", "--tls-secret", "cert", "--timeout", "8s"}
	remove := []string{"delete", "deployment/server", "-n", "test", "--timeout", "8s"}
	victim, andGateway := []string{"test"}, []string{"test", "istio-system"}
	commands := []attacked{
		{name: "create", world: bare, arguments: create, writes: victim, refuses: true},
		{name: "create --restart=none", world: bare, arguments: with(create, "--restart", "none"), writes: victim, refuses: true},
		{name: "create --host", world: bare, arguments: onHost, writes: victim, refuses: true},
		{name: "create --tls-secret", world: bare, arguments: onTLS, writes: victim, refuses: true},
		{name: "create --tls-mutual", world: bare, arguments: with(onTLS, "--tls-mutual"), writes: victim, refuses: true},
		{name: "create --open-gateway-port", world: bare, arguments: onPort, writes: andGateway, refuses: true},
		{name: "create --inject=workload", world: bare, arguments: with(create, "--inject", "workload"), writes: victim, refuses: true},
		{name: "create --restart=namespace", world: bare, arguments: with(create, "--restart", "namespace"), writes: victim, refuses: true},
		{name: "create --dry-run --diff", world: bare, arguments: with(create, "--dry-run", "--diff"), refuses: true},
		{name: "create --dry-run=server", world: bare, arguments: with(create, "--dry-run=server"), refuses: true},
		{name: "create --dry-run -o yaml", world: bare, arguments: with(create, "--dry-run", "-o", "yaml"), format: "yaml", refuses: true},
		{name: "create --dry-run -o plan", world: bare, arguments: with(create, "--dry-run", "-o", "plan"), format: "json", refuses: true},
		{idle: true, name: "create again", world: exposed, arguments: create, writes: victim, refuses: true},
		{idle: true, name: "create again on a new port", world: exposedOnNewPort, arguments: onPort, writes: andGateway, refuses: true},
		{name: "delete", world: exposed, arguments: remove, writes: andGateway, keeps: []string{"istio-system"}},
		{name: "delete with its port", world: exposedOnNewPort, arguments: remove, writes: andGateway, keeps: []string{"istio-system"}},
		{idle: true, name: "delete what is not exposed", world: bare, arguments: remove, writes: andGateway},
		{name: "delete --dry-run", world: exposed, arguments: with(remove, "--dry-run", "--diff")},
		{name: "delete --dry-run -o plan", world: exposed, arguments: with(remove, "--dry-run", "-o", "plan"), format: "json"},
		{name: "delete --force", world: exposedOnNewPort, arguments: with(remove, "--force"), writes: andGateway},
		{name: "delete --all", world: exposedOnNewPort, arguments: []string{"delete", "--all", "-n", "test", "--timeout", "8s"}, writes: andGateway, keeps: []string{"istio-system"}},
		{name: "delete --all -A", world: exposedOnNewPort, arguments: []string{"delete", "--all", "-A", "--wait=false", "--timeout", "8s"}, writes: everyNamespace, keeps: []string{"istio-system"}},
		{name: "delete --restart=namespace", world: exposed, arguments: with(remove, "--restart", "namespace"), writes: andGateway, keeps: []string{"istio-system"}},
		{idle: true, name: "lint --fix of the attacker", world: bare, arguments: []string{"lint", "-n", attacker, "--fix"}, writes: []string{attacker}},
		{name: "lint --fix of everyone", world: bare, arguments: []string{"lint", "-A", "--fix"}, writes: everyNamespace},
		{name: "lint --fix of everyone, exposed", world: exposed, arguments: []string{"lint", "-A", "--fix"}, writes: everyNamespace},
		{name: "lint --fix of everyone, all routes", world: bare, arguments: []string{"lint", "-A", "--scope", "all", "--fix"}, writes: everyNamespace},
		{name: "lint of a path", world: exposed, arguments: []string{"lint", "deployment/server", "-n", "test"}},
		{idle: true, name: "lint --fix of a path", world: exposed, arguments: []string{"lint", "deployment/server", "-n", "test", "--fix"}, writes: victim},
		{name: "status", world: exposed, arguments: []string{"status", "deployment/server", "-n", "test"}},
		{name: "status -o json", world: exposed, arguments: []string{"status", "deployment/server", "-n", "test", "-o", "json"}, format: "json"},
		{name: "status of what is not exposed", world: bare, arguments: []string{"status", "deployment/server", "-n", "test"}},
		{name: "verify", world: exposed, arguments: []string{"verify", "deployment/server", "-n", "test", "--address", "127.0.0.1:9", "--requests", "1", "--timeout", "2s"}},
		{name: "version", world: exposed, arguments: []string{"version"}},
		{name: "version -o json", world: exposed, arguments: []string{"version", "-o", "json"}, format: "json"},
	}
	for _, namespace := range []string{"test", "bank", "shop"} {
		commands = append(commands, attacked{
			idle: namespace != "shop", name: "lint --fix of " + namespace, world: bare, arguments: []string{"lint", "-n", namespace, "--fix"}, writes: []string{namespace},
		})
	}
	for _, format := range []string{"text", "table", "json", "yaml", "sarif", "junit", "github"} {
		commands = append(commands, attacked{
			name: "lint -o " + format, world: exposed, arguments: []string{"lint", "-A", "--scope", "all", "-o", format}, format: format,
		})
	}
	return commands
}

// TestAttacks runs every command on a cluster with every attack in it. Whatever the attacker writes into his namespace, the
// command does in the others what it would do without him.
func TestAttacks(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	all := attacks(t)
	for _, command := range attackedCommands() {
		peaceful := sync.OnceValue(func() outcome {
			return runOn(t, fakeapi.New(t, worldObjects(t, command.world)...), command.arguments...)
		})
		for _, attack := range all {
			t.Run(strings.ReplaceAll(command.name+"/"+attack.name, " ", "-"), func(t *testing.T) {
				t.Parallel()
				if attack.hangs.Load() {
					t.Fatal("another command hangs with this attack")
				}
				server := fakeapi.New(t, planted(worldObjects(t, command.world), attack.objects)...)
				result := runOn(t, server, command.arguments...)
				if result.hangs {
					attack.hangs.Store(true)
					t.Fatal("it hangs: Ctrl-C does not end it either")
				}
				assertHeld(t, command, peaceful(), result)
			})
		}
	}
}

// TestPeace shows that the attacks' cluster gives the commands something to do: without it they would hold anything.
func TestPeace(t *testing.T) {
	for _, command := range attackedCommands() {
		t.Run(command.name, func(t *testing.T) {
			t.Parallel()
			result := runOn(t, fakeapi.New(t, worldObjects(t, command.world)...), command.arguments...)
			assertHeld(t, command, result, result)
			count := map[string]int{}
			for _, write := range result.writes {
				count[write.Namespace]++
			}
			if len(command.writes) > 0 && !command.idle {
				assert.NotEmpty(t, result.writes, "it has something to do: %s", cut(result.all()))
			}
			t.Logf("%s: exit code %d, %d writes: %v", command.name, result.code, len(result.writes), count)
		})
	}
}

func described(write fakeapi.Write) string {
	return fmt.Sprintf("%s %s %s/%s (%d)", write.Verb, write.Resource, write.Namespace, write.Name, write.Code)
}

// assertHeld holds what no attack may break.
func assertHeld(t *testing.T, command attacked, peaceful, result outcome) {
	t.Helper()
	assert.Empty(t, result.panicked, "a panic")
	assert.NotContains(t, result.all(), "goroutine ", "a stack trace")
	assert.Less(t, result.took, patience, "it takes its time")
	assert.Contains(t, []int{ExitFine, ExitBad, ExitFailed}, result.code)
	for _, write := range result.writes {
		assert.Contains(t, command.writes, write.Namespace, "it writes where it has no business: %s", described(write))
	}
	assertClean(t, command, result)
	assertNotSwayed(t, command, peaceful, result)
}

// assertNotSwayed holds that outside of the attacker's namespace the command has written what it writes in peace; or, where
// it may, that it has refused, said whose object stands in its way, and written nothing.
func assertNotSwayed(t *testing.T, command attacked, peaceful, result outcome) {
	t.Helper()
	wanted, got := writesOfOthers(peaceful.writes), writesOfOthers(result.writes)
	if command.refuses && result.code == ExitFailed && peaceful.code != ExitFailed {
		assert.Empty(t, got, "it refuses, and has written something")
		assert.Contains(t, result.err, attacker+"/", "a refusal names the object: %s", result.err)
		return
	}
	var missing, surplus []string
	for _, write := range wanted {
		if !slices.Contains(got, write) {
			missing = append(missing, write)
		}
	}
	for _, write := range got {
		if !slices.Contains(wanted, write) {
			surplus = append(surplus, write)
		}
	}
	missing = slices.DeleteFunc(missing, func(write string) bool {
		return slices.ContainsFunc(command.keeps, func(namespace string) bool { return strings.Contains(write, " "+namespace+"/") })
	})
	assert.Empty(t, surplus, "the attack causes these writes; stderr: %s", cut(result.err))
	assert.Empty(t, missing, "the attack prevents these writes; stderr: %s", cut(result.err))
	if len(wanted) > 0 {
		assert.Equal(t, peaceful.code == ExitFailed, result.code == ExitFailed, "it fails or not as without the attack; stderr: %s", cut(result.err))
	}
}

func cut(text string) string {
	if len(text) > 1500 {
		return text[:1500] + "…"
	}
	return text
}

// writesOfOthers are the writes outside of the attacker's namespace, each in a line with what it stored. Events are named for
// the time, and say what was done.
func writesOfOthers(writes []fakeapi.Write) []string {
	var lines []string
	for _, write := range writes {
		if write.Namespace == attacker {
			continue
		}
		if write.Resource.Resource == "events" {
			lines = append(lines, fmt.Sprintf("create event %s/", write.Namespace))
			continue
		}
		line := fmt.Sprintf("%s %s %s/%s %v", write.Verb, write.Resource, write.Namespace, write.Name, settled(write.After))
		lines = append(lines, instant.ReplaceAllString(line, "TIME"))
	}
	return lines
}

// instant is a time, as a restart notes it.
var instant = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// settled is an object without what depends on the time and on the order of writes.
func settled(object map[string]any) map[string]any {
	if object == nil {
		return nil
	}
	copied := (&unstructured.Unstructured{Object: object}).DeepCopy()
	copied.SetManagedFields(nil)
	copied.SetResourceVersion("")
	copied.SetGeneration(0)
	unstructured.RemoveNestedField(copied.Object, "status")
	unstructured.RemoveNestedField(copied.Object, "spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")
	return copied.Object
}
