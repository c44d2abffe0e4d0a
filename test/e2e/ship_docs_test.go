package e2e

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	shellBlock = regexp.MustCompile("(?ms)(^<!-- needs [^\n]* -->\n)?^```sh\n(.*?)^```")
	ownCommand = regexp.MustCompile(`^(?:kubectl grpcexpose|kubectl) ([^|>;&\n]*)`)
)

// docsCommands are the lines of the documentation's shell blocks that call kubectl, page by page, each once. Blocks that are
// marked as needing a cloud or a release are left out.
func docsCommands(t *testing.T) []string {
	t.Helper()
	var commands []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/commands/*.md"} {
		pages, err := fs.Glob(os.DirFS("../.."), pattern)
		require.NoError(t, err)
		for _, page := range pages {
			text, err := os.ReadFile("../../" + page)
			require.NoError(t, err)
			for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
				for line := range strings.Lines(block[2]) {
					line = strings.TrimSpace(line)
					if block[1] == "" && ownCommand.MatchString(line) && !slices.Contains(commands, line) {
						commands = append(commands, strings.TrimSpace(ownCommand.FindString(line)))
					}
				}
			}
		}
	}
	return commands
}

// offline commands are executed where there is no cluster: see pkg/plugin/docs_test.go.
var offline = regexp.MustCompile(` (-f|-k|--client|--list-checks|--print-rbac|completion|explain) ?`)

// testedElsewhere need more than a Deployment: servers that answer, or a certificate. They have tests of their own.
var testedElsewhere = regexp.MustCompile(` verify |--tls-secret|--verify`)

// TestCommandsOfTheDocs runs the documentation's commands that ask a cluster, in the order that they make sense.
func TestCommandsOfTheDocs(t *testing.T) {
	for name, shared := range map[string]*sharedStack{"default": onDefault, "revisions": onRevisions} {
		t.Run(name, func(t *testing.T) {
			s := on(t, shared)
			s.given(server)
			commands := slices.DeleteFunc(docsCommands(t), func(command string) bool {
				// Only a mesh of revisions has revisions to choose, and there nothing else can be right.
				return offline.MatchString(command+" ") || testedElsewhere.MatchString(command+" ") ||
					strings.Contains(command, "--revision") != (name == "revisions")
			})
			require.NotEmpty(t, commands)
			slices.SortStableFunc(commands, func(a, b string) int { return phase(a) - phase(b) })
			folder := t.TempDir() // where baselines are written, and read again
			for _, command := range commands {
				s.document(folder, command)
			}
		})
	}
}

// phase is when a command makes sense.
func phase(command string) int {
	switch {
	case strings.Contains(command, " create ") && strings.Contains(command, "--dry-run"):
		return 0
	case strings.Contains(command, " create "):
		return 1
	case strings.Contains(command, " delete ") && !strings.Contains(command, "--dry-run"):
		return 3
	default:
		return 2
	}
}

// document runs a command as it stands, but for the namespace: it does what it says, or says that the answer is bad.
func (s *scene) document(folder, command string) {
	s.Helper()
	command = strings.NewReplacer("-n shop", "-n test", "deployment/orders", "deployment/server").Replace(command)
	text, err := exec.Command("sh", "-c", `printf '%s\n' `+s.own(command)).Output()
	require.NoError(s, err)
	s.Log(command)
	words := strings.Split(strings.TrimSpace(string(text)), "\n")
	if words[1] != "grpcexpose" {
		if slices.Contains(words, "restart") {
			time.Sleep(time.Second) // kubectl restarts nothing twice in a second
		}
		s.kubectl(words[1:]...)
		return
	}
	words = slices.DeleteFunc(words[2:], func(word string) bool { return word == "-n" || word == s.namespace })
	ctx, cancel := context.WithTimeout(s.Context(), commandTimeout)
	defer cancel()
	own := s.command(ctx, words...)
	own.Dir = folder
	result := s.finish(own)
	assert.Contains(s, []int{0, 1}, result.code, "%s\n%s%s", command, result.stdout, result.stderr)
}
