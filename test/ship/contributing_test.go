package ship

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	newFile = regexp.MustCompile("(?s)<!-- file: (\\S+) -->\n```\\w*\n(.*?)```\n")
	newLine = regexp.MustCompile("(?s)<!-- line: (\\S+) after ([^\n]*) -->\n```\\w*\n(.*?)```\n")
)

// TestAddACheck follows CONTRIBUTING.md in a copy of the repository, to the letter.
func TestAddACheck(t *testing.T) {
	folder := t.TempDir()
	output(t, exec.Command("sh", "-c", `git -C "$0" ls-files -z -- cmd internal pkg docs go.mod go.sum '*.md' | tar -C "$0" --null --files-from=- -c | tar -C "$1" -x`, repository, folder))
	text, err := os.ReadFile(filepath.Join(repository, "CONTRIBUTING.md"))
	require.NoError(t, err)

	files := newFile.FindAllStringSubmatch(string(text), -1)
	require.Len(t, files, 2)
	for _, file := range files {
		require.NoError(t, os.WriteFile(filepath.Join(folder, file[1]), []byte(file[2]), 0o644))
	}
	lines := newLine.FindAllStringSubmatch(string(text), -1)
	require.Len(t, lines, 2)
	for _, line := range lines {
		path := filepath.Join(folder, line[1])
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(before), line[2]+"\n"), "%s: %q", line[1], line[2])
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(before), line[2]+"\n", line[2]+"\n"+line[3], 1)), 0o644))
	}
	moreCases(t, folder)

	for _, arguments := range [][]string{{"vet", "./pkg/checks/workload"}, {"test", "./pkg/checks/workload", "./pkg/lint"}, {"run", "./cmd/generate-docs", "."}} {
		command := exec.Command("go", arguments...)
		command.Dir = folder
		output(t, command)
	}
	page, err := os.ReadFile(filepath.Join(folder, "docs/checks/GX299-http-probe-on-grpc-port.md"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "The liveness probe sends HTTP/1.1 to a gRPC port")
}

// moreCases are the two that the instructions describe and leave to the reader.
func moreCases(t *testing.T, folder string) {
	t.Helper()
	cases := filepath.Join(folder, "pkg/checks/workload/testdata")
	text, err := os.ReadFile(filepath.Join(cases, "http-probe-on-grpc-port-number.yaml"))
	require.NoError(t, err)
	for name, probe := range map[string]string{"other-port": "{httpGet: {path: /healthz, port: 8080}}", "tcp": "{tcpSocket: {port: 50051}}"} {
		other := strings.NewReplacer(
			"port-number", "port-good-"+name, "# expect: GX299 Deployment/demo/greeter", "# expect: none", "{httpGet: {path: /healthz, port: 50051}}", probe,
		).Replace(string(text))
		require.NoError(t, os.WriteFile(filepath.Join(cases, "http-probe-on-grpc-port-good-"+name+".yaml"), []byte(other), 0o644))
	}
}
