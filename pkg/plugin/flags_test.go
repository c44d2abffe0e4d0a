package plugin

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

var typedFlag = regexp.MustCompile("[\"'` ](--?[a-z][a-z-]*)[\"'`= ,]")

// TestEveryFlagHasATest holds that every flag in help is typed by some test: of this package, or end to end.
func TestEveryFlagHasATest(t *testing.T) {
	typed := map[string]bool{}
	for _, pattern := range []string{"*_test.go", repository + "/test/*/*_test.go"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			for _, found := range typedFlag.FindAllStringSubmatch(string(text), -1) {
				typed[found[1]] = true
			}
		}
	}
	streams, _, _ := report.FakeStreams("")
	root := NewCommand(streams)
	for _, command := range append(root.Commands(), root) {
		command.Flags().VisitAll(func(flag *pflag.Flag) {
			assert.True(t, typed["--"+flag.Name] || typed["-"+flag.Shorthand], "no test types --%s of %s", flag.Name, command.Name())
		})
	}
}
