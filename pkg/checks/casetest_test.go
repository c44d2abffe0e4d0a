package checks

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// corpusNow is when the cases are judged: between the validity of the certificates that are meant to be valid (2025 to 2035)
// and the end of the one that is meant to have expired (2024).
var corpusNow = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

// corpusCase is one mesh with what must be found in it; its file's header says what the fields mean.
type corpusCase struct {
	name   string
	base   string
	about  string
	expect []string
	allow  []string
	// absent are findings that must not be there though they are only advice, which the other lines say nothing about.
	absent []string
	// objects are those of the case, without the base.
	objects []mesh.Sourced
}

func (c corpusCase) compare(t *testing.T, findings []Finding) {
	t.Helper()
	found := map[string]Finding{}
	for _, finding := range findings {
		found[expectation(finding)] = finding
	}
	for _, line := range c.expect {
		if _, ok := found[line]; !ok {
			t.Errorf("not found: %s\n%s", line, c.about)
		}
	}
	for line, finding := range found {
		if slices.Contains(c.absent, line) {
			t.Errorf("found though it should not be: %s: %s\n%s", line, finding.Message, c.about)
		}
		expected := slices.Contains(c.expect, line) || slices.Contains(c.allow, line)
		if !expected && finding.Level.AtLeast(Warning) {
			t.Errorf("found though it should not be: %s (%s): %s\nevidence: %s\n%s",
				line, finding.Level, finding.Message, strings.Join(finding.Evidence, "; "), c.about)
		}
	}
}

// expectation is a finding in the words of a case's header.
func expectation(finding Finding) string {
	object := finding.Object
	return fmt.Sprintf("%s %s/%s/%s", finding.ID, mesh.GroupVersionKind(object).Kind, object.GetNamespace(), object.GetName())
}

// snapshot is the whole mesh of the case, on its base, with nothing unknown.
func (c corpusCase) snapshot(t *testing.T, onRead func(mesh.Kind)) *mesh.Snapshot {
	t.Helper()
	return mesh.New(slices.Concat(baseObjects(t, c.base), c.objects), mesh.Options{Now: corpusNow, OnRead: onRead})
}

// casesRead are the cases once they are read. No test changes them.
var casesRead struct {
	sync.Mutex
	cases []corpusCase
}

// corpusCases are all cases, those of our own last.
func corpusCases(t testing.TB) []corpusCase {
	t.Helper()
	casesRead.Lock()
	defer casesRead.Unlock()
	if casesRead.cases == nil {
		casesRead.cases = readCases(t)
	}
	return casesRead.cases
}

func readCases(t testing.TB) []corpusCase {
	t.Helper()
	var cases []corpusCase
	for _, pattern := range []string{"testdata/corpus/*.yaml", "testdata/cases/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			if !strings.HasPrefix(filepath.Base(file), "_") {
				cases = append(cases, readCase(t, file))
			}
		}
	}
	require.NotEmpty(t, cases)
	return cases
}

func readCase(t testing.TB, file string) corpusCase {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	c := corpusCase{name: strings.TrimSuffix(filepath.Base(file), ".yaml"), base: "default"}
	for line := range strings.Lines(string(data)) {
		comment, isComment := strings.CutPrefix(line, "# ")
		if !isComment {
			break
		}
		key, value, _ := strings.Cut(strings.TrimSpace(comment), ": ")
		switch value = strings.TrimSpace(value); key {
		case "case", "truth":
		case "base":
			c.base = strings.Fields(value)[0]
		case "about":
			c.about = value
		case "expect":
			c.expect = append(c.expect, value)
		case "allow":
			c.allow = append(c.allow, value)
		case "absent":
			c.absent = append(c.absent, value)
		default:
			t.Fatalf("%s: a header has no line %q", file, key)
		}
	}
	require.NotEmpty(t, c.expect, "%s: a case says what to expect, or none", file)
	if slices.Equal(c.expect, []string{"none"}) {
		c.expect = nil
	}
	c.objects = decodeYAML(t, file, data)
	return c
}

// bases are the base meshes read so far: every case of every test stands on one.
var bases sync.Map

// baseObjects are those of a base mesh. No test changes them: a Snapshot does not.
func baseObjects(t testing.TB, base string) []mesh.Sourced {
	t.Helper()
	if base == "none" {
		return nil
	}
	if read, ok := bases.Load(base); ok {
		return read.([]mesh.Sourced)
	}
	file := filepath.Join("testdata", "corpus", "_base-"+base+".yaml")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	objects := decodeYAML(t, file, data)
	bases.Store(base, objects)
	return objects
}

// decodeYAML reads a stream of documents; kinds that the model does not know are left out.
func decodeYAML(t testing.TB, file string, data []byte) []mesh.Sourced {
	t.Helper()
	var objects []mesh.Sourced
	for document := range strings.SplitSeq("\n"+string(data), "\n---\n") {
		converted, err := yaml.YAMLToJSON([]byte(document))
		require.NoError(t, err, file)
		if string(converted) == "null" {
			continue
		}
		object, known, err := mesh.Decode(converted)
		require.NoError(t, err, file)
		if known {
			objects = append(objects, mesh.Sourced{Object: object, Source: mesh.Source{File: file}})
		}
	}
	return objects
}
