// Package casetest reads the cases of the checks: small meshes with the findings that they must give. Tests alone use it; it knows
// nothing of how the checks are run.
package casetest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Now is when the cases are judged: between the validity of the certificates that are meant to be valid (2025 to 2035)
// and the end of the one that is meant to have expired (2024).
var Now = time.Date(2026, time.December, 15, 12, 0, 0, 0, time.UTC)

// Case is one mesh with what must be found in it; its file's header says what the fields mean.
type Case struct {
	Name   string
	Base   string
	about  string
	Expect []string
	allow  []string
	// absent are findings that must not be there though they are only advice, which the other lines say nothing about.
	absent []string
	// objects are those of the case, without the base.
	Objects []mesh.Sourced
}

// Compare fails the test where the findings of level warning and error are not exactly those of the case's header, or a check was
// skipped.
func (c Case) Compare(t *testing.T, findings []checks.Finding, skips []checks.Skip) {
	t.Helper()
	for _, skip := range skips {
		t.Errorf("%s skipped: %s", skip.ID, skip.Reason)
	}
	found := map[string]checks.Finding{}
	for _, finding := range findings {
		found[Expectation(finding)] = finding
	}
	for _, line := range c.Expect {
		if _, ok := found[line]; !ok {
			t.Errorf("not found: %s\n%s", line, c.about)
		}
	}
	for line, finding := range found {
		if slices.Contains(c.absent, line) {
			t.Errorf("found though it should not be: %s: %s\n%s", line, finding.Message, c.about)
		}
		expected := slices.Contains(c.Expect, line) || slices.Contains(c.allow, line)
		if !expected && finding.Level.AtLeast(checks.Warning) {
			t.Errorf("found though it should not be: %s (%s): %s\nevidence: %s\n%s",
				line, finding.Level, finding.Message, strings.Join(finding.Evidence, "; "), c.about)
		}
	}
}

// Expectation is a finding in the words of a case's header.
func Expectation(finding checks.Finding) string {
	object := finding.Object
	return fmt.Sprintf("%s %s/%s/%s", finding.ID, mesh.GroupVersionKind(object).Kind, object.GetNamespace(), object.GetName())
}

// Snapshot is the whole mesh of the case, on its base, with nothing unknown.
func (c Case) Snapshot(t *testing.T, onRead func(mesh.Kind)) *mesh.Snapshot {
	t.Helper()
	return mesh.New(slices.Concat(Base(t, c.Base), c.Objects), mesh.Options{Now: Now, OnRead: onRead})
}

// read are the cases read so far, by folder. No test changes them.
var read sync.Map

// All are the cases of all families, those of the corpus and those after reports.
func All(t testing.TB) []Case {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(root(), "pkg/checks/*/testdata"))
	require.NoError(t, err)
	cases := slices.Concat(Of(t, Corpus()), Of(t, Reports()))
	for _, folder := range folders {
		cases = append(cases, Of(t, folder)...)
	}
	return cases
}

// Of are the cases in a folder.
func Of(t testing.TB, folder string) []Case {
	t.Helper()
	if cases, ok := read.Load(folder); ok {
		return cases.([]Case)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	require.NoError(t, err)
	var cases []Case
	for _, file := range files {
		if !strings.HasPrefix(filepath.Base(file), "_") {
			cases = append(cases, readCase(t, file))
		}
	}
	require.NotEmpty(t, cases, folder)
	read.Store(folder, cases)
	return cases
}

// Corpus is the folder of the corpus, with the base meshes that all cases stand on.
func Corpus() string { return filepath.Join(root(), "pkg/lint/testdata/corpus") }

// Reports is the folder of the meshes made after what people have reported, with base meshes of their own.
func Reports() string { return filepath.Join(root(), "pkg/lint/testdata/reports") }

// root is the folder of the module.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../..")
}

func readCase(t testing.TB, file string) Case {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	c := Case{Name: strings.TrimSuffix(filepath.Base(file), ".yaml"), Base: "default"}
	for line := range strings.Lines(string(data)) {
		comment, isComment := strings.CutPrefix(line, "# ")
		if !isComment {
			break
		}
		key, value, _ := strings.Cut(strings.TrimSpace(comment), ": ")
		switch value = strings.TrimSpace(value); key {
		case "case", "truth":
		case "base":
			c.Base = strings.Fields(value)[0]
		case "about":
			c.about = value
		case "expect":
			c.Expect = append(c.Expect, value)
		case "allow":
			c.allow = append(c.allow, value)
		case "absent":
			c.absent = append(c.absent, value)
		default:
			t.Fatalf("%s: a header has no line %q", file, key)
		}
	}
	require.NotEmpty(t, c.Expect, "%s: a case says what to expect, or none", file)
	if slices.Equal(c.Expect, []string{"none"}) {
		c.Expect = nil
	}
	c.Objects = Decode(t, file, data)
	c.addScene(t, filepath.Dir(file))
	return c
}

// addScene adds the objects of the case's base where that is a scene of its own folder: a healthy application that several cases
// change, with the base mesh that it stands on in its first line.
func (c *Case) addScene(t testing.TB, folder string) {
	t.Helper()
	file := filepath.Join(folder, "_base-"+c.Base+".yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		return
	}
	first, _, _ := strings.Cut(string(data), "\n")
	if base, isScene := strings.CutPrefix(first, "# base: "); isScene {
		c.Base, c.Objects = base, slices.Concat(Decode(t, file, data), c.Objects)
	}
}

// bases are the base meshes read so far: every case of every test stands on one.
var bases sync.Map

// Base are the objects of a base mesh. No test changes them: a Snapshot does not.
func Base(t testing.TB, base string) []mesh.Sourced {
	t.Helper()
	if base == "none" {
		return nil
	}
	if read, ok := bases.Load(base); ok {
		return read.([]mesh.Sourced)
	}
	file := filepath.Join(Corpus(), "_base-"+base+".yaml")
	if _, err := os.Stat(file); err != nil {
		file = filepath.Join(Reports(), "_base-"+base+".yaml")
	}
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	objects := Decode(t, file, data)
	bases.Store(base, objects)
	return objects
}

// Decode reads a stream of documents; kinds that the model does not know are left out.
func Decode(t testing.TB, file string, data []byte) []mesh.Sourced {
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
