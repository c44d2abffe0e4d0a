package traffic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
)

// describeByFiles looks a name up in .proto files. Google's own imports need not be there.
func describeByFiles(ctx context.Context, wish Wish, name protoreflect.FullName) (protoreflect.Descriptor, error) {
	sources := &protoSources{wish: wish, left: maxProtoFiles}
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: sources.open}),
	}
	return interrupt.Until(ctx, func() (protoreflect.Descriptor, error) {
		files, err := compiler.Compile(ctx, wish.ProtoFiles...)
		if err != nil {
			return nil, fmt.Errorf("the description cannot be read: %s", shortened(err.Error()))
		}
		for _, file := range files {
			if found := file.FindDescriptorByName(name); found != nil {
				return found, nil
			}
		}
		return nil, fmt.Errorf("%s is not declared in %s", name, strings.Join(wish.ProtoFiles, ", "))
	})
}

// protoSources are the .proto files that may be read: those that the user names, and what they import, which is somebody else's
// word and so found in the import paths alone.
type protoSources struct {
	wish Wish

	mutex sync.Mutex
	// left is how many bytes may still be read.
	left int
}

func (s *protoSources) open(path string) (io.ReadCloser, error) {
	if len(s.wish.ImportPaths) == 0 && slices.Contains(s.wish.ProtoFiles, path) {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		return s.read(path, file)
	}
	paths := s.wish.ImportPaths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, folder := range paths {
		file, err := openBelow(folder, path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return s.read(path, file)
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

// openBelow opens a regular file of a folder; os.Root keeps the path, and the symbolic links on it, inside.
func openBelow(folder, path string) (*os.File, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	local := filepath.FromSlash(path)
	if !filepath.IsLocal(local) {
		return nil, fmt.Errorf("%s is outside of the import path %s: name its folder with --import-path", path, folder)
	}
	state, err := root.Stat(local)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s cannot be read inside of the import path %s: %w", path, folder, err)
	case err != nil:
		return nil, err
	case !state.Mode().IsRegular():
		return nil, fmt.Errorf("%s in the import path %s is not a regular file", path, folder)
	}
	return root.Open(local)
}

// read takes a file in, as far as it may be read.
func (s *protoSources) read(path string, file *os.File) (io.ReadCloser, error) {
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxProtoFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxProtoFile:
		return nil, fmt.Errorf("%s has more than %d MiB, which is all that is read of a file", path, maxProtoFile>>20)
	case nesting(text) > maxProtoNesting:
		return nil, fmt.Errorf("%s is nested more than %d deep, which is all that is read", path, maxProtoNesting)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.left -= len(text); s.left < 0 {
		return nil, fmt.Errorf("the files have more than %d MiB together, which is all that is read", maxProtoFiles>>20)
	}
	return io.NopCloser(bytes.NewReader(text)), nil
}

// nesting is how deep brackets are open in a text at most. The compiler goes into each by a call of itself.
func nesting(text []byte) int {
	depth, most := 0, 0
	for _, letter := range text {
		switch letter {
		case '{', '[', '<', '(':
			depth++
			most = max(most, depth)
		case '}', ']', '>', ')':
			depth = max(0, depth-1)
		}
	}
	return most
}
