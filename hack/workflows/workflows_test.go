// Package workflows holds what the workflows under .github may do: they run strangers' pull requests, and make the releases.
package workflows

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const repository = "../.."

// workflow is a file under .github/workflows, as far as anything here asks.
type workflow struct {
	On          yaml.Node
	Permissions permissions
	Jobs        map[string]job

	text string
}

type job struct {
	Permissions permissions
	Needs       yaml.Node
	Uses        string
	Secrets     yaml.Node
	Env         map[string]string
	Steps       []step
}

type step struct {
	Name, Uses, Run string
	With, Env       map[string]string
}

// permissions are what a token may do; declared also where nothing is allowed.
type permissions struct {
	declared bool
	of       map[string]string
}

func (p *permissions) UnmarshalYAML(node *yaml.Node) error {
	p.declared = true
	return node.Decode(&p.of) // "read-all" and "write-all" are no mapping, so that they fail
}

func (p permissions) writes() (names []string) {
	for name, right := range p.of {
		if right != "read" && right != "none" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func parse(t *testing.T, text string) workflow {
	t.Helper()
	w := workflow{text: text}
	require.NoError(t, yaml.Unmarshal([]byte(text), &w))
	return w
}

// workflows are all files that GitHub takes for one, by name.
func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	all := map[string]workflow{}
	for _, pattern := range []string{"*.yaml", "*.yml"} {
		paths, err := filepath.Glob(filepath.Join(repository, ".github/workflows", pattern))
		require.NoError(t, err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			all[filepath.Base(path)] = parse(t, string(text))
		}
	}
	require.NotEmpty(t, all)
	return all
}

// triggers are the events that start a workflow.
func (w workflow) triggers() (names []string) {
	switch w.On.Kind {
	case yaml.ScalarNode:
		return []string{w.On.Value}
	case yaml.SequenceNode:
		for _, name := range w.On.Content {
			names = append(names, name.Value)
		}
	case yaml.MappingNode:
		for i := 0; i < len(w.On.Content); i += 2 {
			names = append(names, w.On.Content[i].Value)
		}
	}
	return names
}

// Writing rights are for these jobs alone, and none of them is in a workflow that runs for pull requests.
var mayWrite = map[string][]string{
	"release.yaml publish":     {"attestations", "contents", "id-token"},
	"scorecard.yaml scorecard": {"id-token", "security-events"},
}

var (
	pinned       = regexp.MustCompile(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_./-]+@[0-9a-f]{40}$`)
	pinnedLine   = regexp.MustCompile(`(?m)^\s*(?:- )?uses: (\S+) # (v\d+\.\d+\.\d+)$`)
	exactVersion = regexp.MustCompile(`^v\d+\.\d+\.\d+$`)
	builds       = regexp.MustCompile(`\b(make|go|npm|pip)\b`)
)

// faults says what is unsafe in a workflow.
func faults(file string, w workflow) (found []string) {
	fault := func(words ...string) { found = append(found, strings.Join(words, " ")) }
	// Those that others can start run with the repository's rights, on what the others wrote: pull_request_target, workflow_run,
	// issue_comment and their like.
	for _, trigger := range w.triggers() {
		if !slices.Contains([]string{"push", "pull_request", "schedule", "branch_protection_rule"}, trigger) {
			fault("is started by", trigger)
		}
	}
	if !w.Permissions.declared || len(w.Permissions.of) != 0 {
		fault("does not begin without permissions")
	}
	if strings.Contains(w.text, "secrets.") || strings.Contains(w.text, "secrets[") {
		fault("reads secrets")
	}
	for name, j := range w.Jobs {
		if !j.Permissions.declared {
			fault(name, "declares no permissions")
		}
		writes := j.Permissions.writes()
		if !slices.Equal(writes, mayWrite[file+" "+name]) {
			fault(name, "may write", strings.Join(writes, ", "))
		}
		if len(writes) != 0 && slices.Contains(w.triggers(), "pull_request") {
			fault(name, "may write in pull requests")
		}
		if j.Uses != "" || !j.Secrets.IsZero() {
			fault(name, "calls another workflow")
		}
		for _, s := range j.Steps {
			for _, problem := range s.faults(len(writes) != 0) {
				fault(name, problem)
			}
		}
	}
	return found
}

func (s step) faults(mayWrite bool) (found []string) {
	if s.Uses != "" && !pinned.MatchString(s.Uses) {
		found = append(found, "does not pin "+s.Uses)
	}
	// An expression is put into the text of the script before a shell reads it: a title, a branch or a tag would run.
	if strings.Contains(s.Run, "${{") || strings.Contains(s.With["script"], "${{") {
		found = append(found, "has an expression in a script")
	}
	if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != "false" {
		found = append(found, "leaves the token in the clone")
	}
	if version, is := s.With["version"]; is && !exactVersion.MatchString(version) {
		found = append(found, "floats "+s.Uses+" at "+version)
	}
	if mayWrite && builds.MatchString(s.Run) {
		found = append(found, "builds where it may write")
	}
	return found
}

func TestWorkflowsAreSafe(t *testing.T) {
	for file, w := range workflows(t) {
		assert.Empty(t, faults(file, w), file)
	}
}

// Every action has the version of its commit beside it, the same everywhere.
func TestActionsAreNamedByVersion(t *testing.T) {
	pins := map[string]string{}
	for file, w := range workflows(t) {
		lines := pinnedLine.FindAllStringSubmatch(w.text, -1)
		used := 0
		for _, j := range w.Jobs {
			for _, s := range j.Steps {
				if s.Uses != "" {
					used++
				}
			}
		}
		assert.Len(t, lines, used, "%s: a version, as # v1.2.3, behind each uses:", file)
		for _, line := range lines {
			action, commit, _ := strings.Cut(line[1], "@")
			pin := commit + " " + line[2]
			if pins[action] == "" {
				pins[action] = pin
			}
			assert.Equal(t, pins[action], pin, "%s: %s", file, action)
		}
	}
}

func TestUnsafeWorkflowsAreFound(t *testing.T) {
	const safe = `
on: {push: {branches: [main]}, pull_request: }
permissions: {}
jobs:
  test:
    permissions: {contents: read}
    steps:
    - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2
      with: {persist-credentials: false}
    - run: make test
      env: {TITLE: "${{ github.event.pull_request.title }}"}
`
	require.Empty(t, faults("ci.yaml", parse(t, safe)))
	for _, test := range []struct{ old, new, want string }{
		{"pull_request:", "pull_request_target:", "is started by pull_request_target"},
		{"pull_request:", "workflow_run:", "is started by workflow_run"},
		{"{push: {branches: [main]}, pull_request: }", "issue_comment", "is started by issue_comment"},
		{"{push: {branches: [main]}, pull_request: }", "[push, issues]", "is started by issues"},
		{"permissions: {}\n", "", "does not begin without permissions"},
		{"permissions: {}\n", "permissions: {contents: write}\n", "does not begin without permissions"},
		{"    permissions: {contents: read}\n", "", "test declares no permissions"},
		{"{contents: read}", "{contents: write}", "test may write contents"},
		{"{contents: read}", "{id-token: write}", "test may write in pull requests"},
		{"@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "@v6", "test does not pin actions/checkout@v6"},
		{"actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "docker://alpine:3", "test does not pin docker://alpine:3"},
		{"{persist-credentials: false}", "{fetch-depth: 0}", "test leaves the token in the clone"},
		{"make test", "make dist VERSION=${{ github.ref_name }}", "test has an expression in a script"},
		{"make test", "echo ${{ inputs.version }}", "test has an expression in a script"},
		{"${{ github.event.pull_request.title }}", "${{ secrets.TOKEN }}", "reads secrets"},
		{"{persist-credentials: false}", "{persist-credentials: false, version: ~> v2}", "test floats actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd at ~> v2"},
		{"    steps:", "    uses: someone/else/.github/workflows/a.yaml@main\n    steps:", "test calls another workflow"},
	} {
		require.Contains(t, safe, test.old)
		assert.Contains(t, faults("ci.yaml", parse(t, strings.Replace(safe, test.old, test.new, 1))), test.want)
	}
	var unreadable workflow
	assert.Error(t, yaml.Unmarshal([]byte("permissions: write-all"), &unreadable))
}

// The job that publishes waits for the tests, and for the job that checked the tag's name.
func TestPublishingWaits(t *testing.T) {
	var needs []string
	publish := workflows(t)["release.yaml"].Jobs["publish"]
	require.NoError(t, publish.Needs.Decode(&needs))
	assert.ElementsMatch(t, []string{"test", "build"}, needs)
}

// What the release refuses is what hack/dist refuses, before anything runs that a name could slip a command into.
func TestTagsAreSemanticVersions(t *testing.T) {
	build := workflows(t)["release.yaml"].Jobs["build"]
	assert.Equal(t, "${{ github.ref_name }}", build.Env["TAG"])
	check := build.Steps[0].Run
	require.Contains(t, check, "$TAG")
	for tag, want := range map[string]bool{
		"v0.1.0": true, "v1.2.3": true, "v10.20.30": true, "v1.2.3-rc.1": true, "v0.1.0-dev": true,
		"": false, "v1": false, "v1.2": false, "1.2.3": false, "v01.2.3": false, "v1.2.3+build": false, "v1.2.3.4": false,
		"v1.2.3;id": false, "v1.2.3-$(id)": false, "v1.2.3-`id`": false, "v1.2.3-a|id": false, "v1.2.3-a&id": false, "v1.2.3-'a": false,
		`v1.2.3-"a`: false, "v1.2.3-a/b": false, "v1.2.3\nv1.2.3": false, "v1.2.3-a b": false, "v1.2.3-*": false, "-v1.2.3": false,
	} {
		command := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", check)
		command.Env = []string{"TAG=" + tag}
		assert.Equal(t, want, command.Run() == nil, "%q", tag)
	}
}

// Releases have the newest patch of the Go that go.mod asks for, and are looked through for vulnerabilities with the same.
func TestReleasesHaveTheNewestGo(t *testing.T) {
	module, err := os.ReadFile(filepath.Join(repository, "go.mod"))
	require.NoError(t, err)
	minor := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(module))
	require.NotNil(t, minor)
	for _, file := range []string{"release.yaml", "vulncheck.yaml"} {
		versions := 0
		for _, j := range workflows(t)[file].Jobs {
			for _, s := range j.Steps {
				if strings.HasPrefix(s.Uses, "actions/setup-go@") {
					versions++
					assert.Equal(t, minor[1]+".x", s.With["go-version"], file)
					assert.Equal(t, "true", s.With["check-latest"], file)
				}
			}
		}
		assert.NotZero(t, versions, file)
	}
}

var target = regexp.MustCompile(`\bmake ([a-z0-9-]+)`)

// A change that passes .ci/run passes CI, and the other way round. Archives for all platforms are made in CI alone: make e2e
// makes one of them.
func TestCIRunsTheSame(t *testing.T) {
	script, err := os.ReadFile(filepath.Join(repository, ".ci/run"))
	require.NoError(t, err)
	var here, there []string
	for line := range strings.Lines(string(script)) {
		if command, is := strings.CutPrefix(line, "step make "); is {
			here = append(here, strings.TrimSpace(command))
		}
	}
	for _, j := range workflows(t)["ci.yaml"].Jobs {
		for _, s := range j.Steps {
			for _, match := range target.FindAllStringSubmatch(s.Run, -1) {
				there = append(there, match[1])
			}
		}
	}
	require.NotEmpty(t, here)
	assert.ElementsMatch(t, append(here, "dist"), there)
}

// A report of a finding without the objects cannot become a case: the forms do not go without them.
func TestIssueFormsAskForTheYAML(t *testing.T) {
	for _, name := range []string{"false-alarm.yml", "missed-fault.yml"} {
		text, err := os.ReadFile(filepath.Join(repository, ".github/ISSUE_TEMPLATE", name))
		require.NoError(t, err)
		var form struct {
			Name, Description string
			Body              []struct {
				Type, ID    string
				Attributes  map[string]string
				Validations struct{ Required bool }
			}
		}
		require.NoError(t, yaml.Unmarshal(text, &form), name)
		assert.NotEmpty(t, form.Name)
		assert.NotEmpty(t, form.Description)
		required := map[string]bool{}
		for _, field := range form.Body {
			required[field.ID] = field.Validations.Required
			assert.Contains(t, []string{"markdown", "input", "textarea"}, field.Type, name)
		}
		assert.True(t, required["yaml"] && required["output"] && required["version"], name)
	}
}
