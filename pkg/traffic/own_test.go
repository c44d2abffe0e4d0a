//go:build unix

package traffic

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHeadersGoWithTheOwnCallAlone holds that what the user sends is sent to the method that he names, and to nothing else.
func TestHeadersGoWithTheOwnCallAlone(t *testing.T) {
	served, connection := serve(t, withHealth, withReflection)
	for _, wish := range []Wish{{}, {Method: "a.B/C"}} {
		_, _ = Choose(t.Context(), connection, wish)
		assert.Empty(t, served.headers("x-who"))
	}
	for _, version := range reflectionVersions {
		_ = listCall(version).make(t.Context(), connection)
	}
	Run(t.Context(), connection, healthCall(), tenCalls)
	assert.Empty(t, served.headers("x-who"))

	call, err := Choose(t.Context(), connection, Wish{Method: "grpc.health.v1.Health/Check"})
	require.NoError(t, err)
	assert.Empty(t, served.headers("x-who"), "looking the method up is no call of it")
	assert.Zero(t, Run(t.Context(), connection, call, tenCalls).Failed())
	assert.Len(t, served.headers("x-who"), 10)
}

// folders writes files, makes links and pipes, and gives the folder with the import path "in" in it.
func folders(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for path, text := range files {
		path = filepath.Join(folder, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		switch target, isLink := strings.CutPrefix(text, "-> "); {
		case isLink:
			require.NoError(t, os.Symlink(strings.ReplaceAll(target, "FOLDER", folder), path))
		case text == "pipe":
			require.NoError(t, syscall.Mkfifo(path, 0o644))
		default:
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		}
	}
	return folder
}

const importing = `syntax = "proto3"; package test; import "%"; service Greeter { rpc Ask(Question) returns (Question); }`

// TestProtoImportsStayInside holds that a .proto file, which may be a stranger's, reads nothing outside of the import path.
func TestProtoImportsStayInside(t *testing.T) {
	const question = `syntax = "proto3"; package test; message Question {}`
	outside := folders(t, map[string]string{"question.proto": question})
	tests := map[string]struct {
		imports string
		files   map[string]string
		problem string
	}{
		"inside":              {"sub/question.proto", map[string]string{"in/sub/question.proto": question}, ""},
		"a link inside":       {"link.proto", map[string]string{"in/question.proto": question, "in/link.proto": "-> question.proto"}, ""},
		"up":                  {"../question.proto", map[string]string{"question.proto": question}, "outside of the import path"},
		"down and up":         {"sub/../../question.proto", map[string]string{"question.proto": question, "in/sub/x": ""}, "outside of the import path"},
		"absolute":            {outside + "/question.proto", nil, "outside of the import path"},
		"a link out":          {"link.proto", map[string]string{"in/link.proto": "-> " + outside + "/question.proto"}, "escapes"},
		"a link up":           {"link.proto", map[string]string{"question.proto": question, "in/link.proto": "-> ../question.proto"}, "escapes"},
		"a folder's link out": {"away/question.proto", map[string]string{"in/away": "-> " + outside}, "escapes"},
		"links to links out":  {"one.proto", map[string]string{"in/one.proto": "-> two.proto", "in/two.proto": "-> " + outside + "/question.proto"}, "escapes"},
		"a pipe":              {"pipe.proto", map[string]string{"in/pipe.proto": "pipe"}, "is not a regular file"},
		"a folder":            {"sub", map[string]string{"in/sub/x": ""}, "is not a regular file"},
		"too large":           {"big.proto", map[string]string{"in/big.proto": question + strings.Repeat(" ", 1<<20)}, "more than 1 MiB, which is all that is read"},
		"too deep":            {"deep.proto", map[string]string{"in/deep.proto": question + strings.Repeat("message M{", 1<<12)}, "nested more than 1000 deep"},
		"not there":           {"none.proto", nil, "none.proto"},
	}
	for name, test := range tests {
		for how, wish := range map[string]func(folder string) Wish{
			"import path": func(folder string) Wish {
				return Wish{ProtoFiles: []string{"greeter.proto"}, ImportPaths: []string{filepath.Join(folder, "in")}}
			},
			"current folder": func(folder string) Wish {
				t.Chdir(filepath.Join(folder, "in"))
				return Wish{ProtoFiles: []string{"./greeter.proto"}}
			},
			"named file": func(folder string) Wish {
				t.Chdir(filepath.Join(folder, "in"))
				return Wish{ProtoFiles: []string{filepath.Join(folder, "in", "greeter.proto")}}
			},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				folder := folders(t, test.files)
				require.NoError(t, os.MkdirAll(filepath.Join(folder, "in"), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(folder, "in/greeter.proto"), []byte(strings.Replace(importing, "%", test.imports, 1)), 0o644))
				_, err := describeByFiles(t.Context(), wish(folder), "test.Greeter")
				if test.problem == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, test.problem)
			})
		}
	}
}

func TestProtoFilesAreBoundedTogether(t *testing.T) {
	files, imports := map[string]string{}, ""
	for i := range 10 {
		name := strings.Repeat("f", i+1) + ".proto"
		files["in/"+name] = `syntax = "proto3";` + strings.Repeat(" ", 1<<20-100)
		imports += `import "` + name + `";`
	}
	files["in/all.proto"] = `syntax = "proto3";` + imports
	folder := folders(t, files)
	_, err := describeByFiles(t.Context(), Wish{ProtoFiles: []string{"all.proto"}, ImportPaths: []string{filepath.Join(folder, "in")}}, "a.B")
	require.ErrorContains(t, err, "more than 8 MiB together, which is all that is read")
}

// TestFilesAreInterrupted holds that a pipe with nobody at its other end does not hold up anything.
func TestFilesAreInterrupted(t *testing.T) {
	pipe := filepath.Join(folders(t, map[string]string{"pipe": "pipe"}), "pipe")
	for name, read := range map[string]func(context.Context) error{
		"proto": func(ctx context.Context) error {
			_, err := describeByFiles(ctx, Wish{ProtoFiles: []string{pipe}}, "a.B")
			return err
		},
		"authority": func(ctx context.Context) error { _, err := TLSOptions{CACertificate: pipe}.Config(ctx); return err },
		"certificate": func(ctx context.Context) error {
			_, err := TLSOptions{Certificate: pipe, Key: pipe}.Config(ctx)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			begun := time.Now()
			require.ErrorIs(t, read(ctx), context.Canceled)
			assert.Less(t, time.Since(begun), 50*time.Millisecond+atOnce)
		})
	}
	// The readers that are left come to an end with the test.
	writer, err := os.OpenFile(pipe, os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
}

func TestPEMFilesAreBounded(t *testing.T) {
	_, err := TLSOptions{CACertificate: "/dev/zero"}.Config(t.Context())
	require.ErrorContains(t, err, "/dev/zero has more than 4 MiB, which is all that is read")
}
