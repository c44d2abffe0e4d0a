package plugin

import (
	"encoding/pem"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const repository = "../.."

// markdown are the pages of the documentation, by path in the repository.
func markdown(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	tree := os.DirFS(repository)
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "test/stack/README.md"} {
		paths, err := fs.Glob(tree, pattern)
		require.NoError(t, err)
		for _, path := range paths {
			text, err := fs.ReadFile(tree, path)
			require.NoError(t, err)
			pages[path] = string(text)
		}
	}
	return pages
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// linksOf are the files that a page links to, in the repository.
func linksOf(page, text string) []string {
	var targets []string
	for _, found := range link.FindAllStringSubmatch(text, -1) {
		target, _, _ := strings.Cut(found[1], "#")
		if target != "" && !strings.Contains(target, "://") {
			targets = append(targets, path.Join(path.Dir(page), target))
		}
	}
	return targets
}

func TestLinksOfTheDocsLeadSomewhere(t *testing.T) {
	for page, text := range markdown(t) {
		for _, target := range linksOf(page, text) {
			assert.FileExists(t, filepath.Join(repository, target), "in %s", page)
		}
	}
}

func TestEveryPageIsReachableFromTheREADME(t *testing.T) {
	pages := markdown(t)
	for _, readme := range []string{"README.md", "README.zh-CN.md"} {
		reached := map[string]bool{readme: true}
		for next := []string{readme}; len(next) > 0; next = next[1:] {
			for _, target := range linksOf(next[0], pages[next[0]]) {
				if !reached[target] {
					reached[target] = true
					next = append(next, target)
				}
			}
		}
		for page := range pages {
			assert.True(t, reached[page], "%s cannot be reached from %s", page, readme)
		}
		for _, other := range []string{"docs/schema/grpcexpose-v1.json", "docs/balancing.svg", "docs/path.svg"} {
			assert.True(t, reached[other], "%s cannot be reached from %s", other, readme)
		}
	}
}

var transcript = regexp.MustCompile("(?s)<!-- held by TestTranscriptsAreReal -->\n```\n(.*?)```")

// TestTranscriptsAreReal holds the READMEs' transcript to what the tests on a real control plane have seen: each of its lines, in
// this order. Lines may be left out.
func TestTranscriptsAreReal(t *testing.T) {
	seen := ""
	for _, golden := range []string{"Recipe", "Status"} {
		text, err := os.ReadFile(filepath.Join(repository, "test/e2e/testdata", golden+".golden"))
		require.NoError(t, err)
		seen += string(text)
	}
	pages := markdown(t)
	for _, readme := range []string{"README.md", "README.zh-CN.md"} {
		found := transcript.FindStringSubmatch(pages[readme])
		require.NotNil(t, found, readme)
		rest := seen
		for line := range strings.Lines(strings.ReplaceAll(found[1], "127.64.0.1", "GATEWAY-ADDRESS")) {
			if line == "\n" || line == "…\n" || strings.HasPrefix(line, "$ ") {
				continue
			}
			_, after, ok := strings.Cut(rest, "\n"+line)
			assert.True(t, ok, "%s: no test has seen %q at this place", readme, line)
			if ok {
				rest = "\n" + after
			}
		}
	}
}

var (
	doors     = regexp.MustCompile("(?s)<!-- held by TestDoorsOfTheFamilies -->\n(.*?)\n\n")
	familyRow = regexp.MustCompile("(?m)^\\| `(pkg/checks/\\w+)` \\| (.*?) \\|")
	quoted    = regexp.MustCompile("`([^`]+)`")
)

// TestDoorsOfTheFamilies holds CONTRIBUTING.md to the functions that each family of checks begins with.
func TestDoorsOfTheFamilies(t *testing.T) {
	table := doors.FindString(markdown(t)["CONTRIBUTING.md"])
	families := familyRow.FindAllStringSubmatch(table, -1)
	folders, err := fs.Glob(os.DirFS(repository), "pkg/checks/*/checks.go")
	require.NoError(t, err)
	assert.Len(t, families, len(folders))
	for _, family := range families {
		for _, door := range quoted.FindAllStringSubmatch(family[2], -1) {
			folder := family[1]
			source, function, elsewhere := strings.Cut(door[1], ".")
			switch {
			case !elsewhere:
				function = source
			case source == "checks":
				folder = "pkg/checks"
			default:
				folder = "pkg/mesh/" + source
			}
			output, err := exec.Command("grep", "-h", "^func "+function+"(", "-r", filepath.Join(repository, folder)).CombinedOutput()
			assert.NoError(t, err, "%s has no function %s: %s", folder, function, output)
		}
	}
}

// documented is a command line of this program in the documentation.
type documented struct {
	page, line string
	arguments  []string
}

var (
	codeBlock   = regexp.MustCompile("(?ms)^```\\w*\n(.*?)^```")
	commandLine = regexp.MustCompile(`kubectl[ -]grpcexpose ([^|>;&\n)]*)`)
)

// documentedCommands are those in the code blocks of all pages. A line of output that quotes one is one, too.
func documentedCommands(t *testing.T) []documented {
	t.Helper()
	var commands []documented
	for page, text := range markdown(t) {
		for _, block := range codeBlock.FindAllStringSubmatch(text, -1) {
			for line := range strings.Lines(block[1]) {
				typed := strings.TrimLeft(line, " $-")
				typed = strings.TrimPrefix(typed, "source <(")
				typed = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(typed, "entry: "), "run: "), "undo     ")
				found := commandLine.FindStringSubmatch(typed)
				if found == nil || !strings.HasPrefix(typed, found[0]) || strings.Contains(found[1], "/NAME") || strings.Contains(found[1], "[") {
					continue
				}
				commands = append(commands, documented{page, strings.TrimSpace(typed), wordsOf(t, found[1])})
			}
		}
	}
	slices.SortFunc(commands, func(a, b documented) int { return strings.Compare(a.page+a.line, b.page+b.line) })
	return commands
}

// wordsOf are the words of a command line as a shell takes them.
func wordsOf(t *testing.T, line string) []string {
	t.Helper()
	text, err := exec.Command("sh", "-c", `printf '%s\n' `+line).Output()
	require.NoError(t, err, line)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// prepare makes a working directory with the files that the documentation speaks of.
func prepare(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	for name, from := range map[string]string{
		"server.yaml": "examples/server.yaml", "deploy/broken.yaml": "examples/broken.yaml", "overlays/production/server.yaml": "examples/server.yaml",
		"examples/server.yaml": "examples/server.yaml", "examples/broken.yaml": "examples/broken.yaml",
	} {
		text, err := os.ReadFile(filepath.Join(repository, from))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), text, 0o644))
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "overlays/production/kustomization.yaml"), []byte("resources: [server.yaml]\n"), 0o644))
	server := httptest.NewTLSServer(nil)
	server.Close()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(filepath.Join(folder, "ca.crt"), authority, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "known.yaml"), []byte("apiVersion: grpcexpose/v1\nkind: LintBaseline\nfindings: []\n"), 0o644))
	t.Chdir(folder)
}

// TestCommandsOfTheDocs executes every command of the documentation that needs no cluster. The others must at least be right:
// what they fail of is the cluster, not the command line. The tests on a real control plane execute them.
func TestCommandsOfTheDocs(t *testing.T) {
	commands := documentedCommands(t)
	require.Greater(t, len(commands), 60, "the commands are found")
	for _, documented := range commands {
		t.Run(documented.page+" "+documented.line, func(t *testing.T) {
			prepare(t)
			arguments := documented.arguments
			if asksCluster(arguments) {
				arguments = append(slices.Clone(arguments), "--server", "http://127.0.0.1:1")
			}
			_, stderr, code := run(t, arguments...)
			if asksCluster(arguments) {
				assert.Equal(t, ExitFailed, code)
				assert.Contains(t, stderr, "the API server at http://127.0.0.1:1 cannot be reached")
				return
			}
			assert.Contains(t, []int{ExitFine, ExitBad}, code, stderr)
		})
	}
}

func asksCluster(arguments []string) bool {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(arguments, word) })
	}
	switch arguments[0] {
	case "explain", "completion":
		return false
	case "version":
		return !has("--client")
	}
	return has("--with-cluster") || !has("-f", "-k", "--list-checks", "--print-rbac", "--help")
}
