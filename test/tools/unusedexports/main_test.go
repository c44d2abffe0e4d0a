package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// small is a module with one of everything.
var small = map[string]string{
	"go.mod": "module example.com/small\n\ngo 1.26\n",
	"a/a.go": `package a

import "example.com/small/b"

var _ = b.Used(b.Options{})

const Day = b.Monday
`,
	"b/b.go": `package b

import "fmt"

var _ fmt.Stringer = Detail{}

// Used is used, and with it the types of its signature, their fields' types and their values.
func Used(Options) Result { return First }

type Options struct{ Detail *Detail }

type Detail struct{}

func (Detail) String() string { return "" }

func (Detail) Method() {}

type Result int

const (
	First Result = iota
	Second
)

const (
	Monday  = "Mon"
	Tuesday = "Tue"
)

func Unused() { OnlyHere() }

func OnlyHere() {}

func ForTests() {}

func ForOtherModules() {}
`,
	"b/b_test.go": "package b_test\n\nimport \"example.com/small/b\"\n\nvar _ = b.ForTests\n",
	// Whom only tests use exports for tests.
	"helpers/helpers.go":    "package helpers\n\nfunc Help() {}\n",
	"a/a_test.go":           "package a\n\nimport \"example.com/small/helpers\"\n\nvar _ = helpers.Help\n",
	"test/other/go.mod":     "module example.com/small/test/other\n\ngo 1.26\n",
	"test/other/other.go":   "package other\n\nimport \"example.com/small/b\"\n\nvar _ = b.ForOtherModules\n",
	"test/other/ignored.go": "package other\n\nimport \"example.com/another/b\"\n\nvar _ = b.Unused\n",
}

func TestUnusedExports(t *testing.T) {
	folder := t.TempDir()
	for name, text := range small {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	t.Setenv("GOFLAGS", "")
	complaints, err := check(folder, "# why\nb.OnlyHere: a reason\nb.Used: it is used after all\n")
	require.NoError(t, err)
	assert.Equal(t, []string{
		"a/a.go:7: a.Day is used by no other package",
		"b/b.go:16: b.Detail.Method is used by no other package",
		"b/b.go:36: b.ForOtherModules is used by tests of other packages only",
		"b/b.go:34: b.ForTests is used by tests of other packages only",
		"b/b.go:30: b.Unused is used by no other package",
		"exceptions.txt: b.Used needs no exception",
	}, complaints)

	_, err = check(folder, "b.OnlyHere\n")
	assert.ErrorContains(t, err, "gives no reason")
}
