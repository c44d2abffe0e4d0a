package manifest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"
)

// maxFileSize bounds what is read of one file: ten times a dump of a large cluster.
const maxFileSize = 256 << 20

// fileExtensions are those of the files that kubectl reads of a directory.
// Source: FileExtensions in k8s.io/cli-runtime/pkg/resource/builder.go.
var fileExtensions = []string{".json", ".yaml", ".yml"}

// standardInput is the name under which the objects of "-" are reported.
const standardInput = "stdin"

// SettingsFile lies among manifests and is none: it says how a repository wants to be judged.
const SettingsFile = ".grpcexpose.yaml"

// Sources are where manifests are read from.
type Sources struct {
	// Files are files and directories; "-" is Stdin.
	Files []string
	// Recursive reads the directories below a directory too.
	Recursive bool
	// Kustomize is a directory with a kustomization, empty for none.
	Kustomize string
	// Stdin is read for "-".
	Stdin io.Reader
}

// open reads the texts, each file once. All that cannot be read is reported together.
func (s Sources) open() ([]*file, error) {
	var files []*file
	var faults []error
	for _, path := range s.Files {
		opened, err := s.openPath(path)
		files, faults = append(files, opened...), append(faults, err)
	}
	files = onceEach(files)
	if s.Kustomize != "" {
		built, err := kustomize(s.Kustomize)
		faults = append(faults, err)
		if built != nil {
			files = append(files, built)
		}
	}
	return files, errors.Join(faults...)
}

// onceEach drops files that were named twice, as themselves and by a directory that they are in.
func onceEach(files []*file) []*file {
	byPath := map[string]*file{}
	return slices.DeleteFunc(files, func(f *file) bool {
		path := filepath.Clean(f.path)
		first, twice := byPath[path]
		if !twice {
			byPath[path] = f
			return false
		}
		first.named = first.named || f.named
		return f.inPlace
	})
}

func (s Sources) openPath(path string) ([]*file, error) {
	if path == "-" {
		opened, err := readFile(s.Stdin, standardInput)
		opened.named = true
		return []*file{opened}, err
	}
	if strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
		return nil, &Error{File: path, Message: "addresses are not read; download the file and give its path"}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	if !info.IsDir() {
		opened, err := openFile(path)
		if err != nil {
			return nil, err
		}
		opened.named = true
		opened.inPlace = info.Mode().IsRegular()
		return []*file{opened}, nil
	}
	paths, err := s.manifestsIn(path)
	if err != nil {
		return nil, err
	}
	var files []*file
	var faults []error
	for _, path := range paths {
		opened, err := openListed(path)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		opened.inPlace = true
		files = append(files, opened)
	}
	return files, errors.Join(faults...)
}

// manifestsIn are the files of a directory that kubectl would read, by name.
func (s Sources) manifestsIn(directory string) ([]string, error) {
	var paths []string
	root := directory + string(filepath.Separator) + "." // where it is a link, what it leads to
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return pathError(filepath.Clean(path), err)
		case entry.IsDir() && path != root && !s.Recursive:
			return filepath.SkipDir
		case !entry.IsDir() && slices.Contains(fileExtensions, filepath.Ext(path)) && entry.Name() != SettingsFile:
			paths = append(paths, path)
		}
		return nil
	})
	if err == nil && len(paths) == 0 {
		err = &Error{File: directory, Message: fmt.Sprintf(
			"the directory has no file that ends in %s; give -R to look below it", strings.Join(fileExtensions, ", "))}
	}
	return paths, err
}

// openListed opens a file that a directory lists: one that is no file, as a pipe, might never end.
func openListed(path string) (*file, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, pathError(path, err)
	case !info.Mode().IsRegular():
		return nil, &Error{File: path, Message: "it is not a file; name it with -f if it is to be read all the same"}
	}
	return openFile(path)
}

func openFile(path string) (*file, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	defer func() { _ = opened.Close() }()
	return readFile(opened, path)
}

func readFile(reader io.Reader, name string) (*file, error) {
	text, err := readBounded(reader, name)
	text, wide := fromUTF16(text)
	return &file{path: name, text: text, utf16: wide}, err
}

// fromUTF16 makes UTF-8 of a text that its byte order mark says is UTF-16, as PowerShell writes what it is given.
func fromUTF16(text []byte) (narrow []byte, wide bool) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(text, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(text, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return text, false
	}
	units := make([]uint16, 0, len(text)/2)
	for rest := text[2:]; len(rest) > 1; rest = rest[2:] {
		units = append(units, order.Uint16(rest))
	}
	return []byte(string(utf16.Decode(units))), true
}

func readBounded(reader io.Reader, name string) ([]byte, error) {
	if reader == nil {
		return nil, &Error{File: name, Message: "there is no standard input to read"}
	}
	var text bytes.Buffer
	read, err := text.ReadFrom(io.LimitReader(reader, maxFileSize+1))
	switch {
	case err != nil:
		return nil, pathError(name, err)
	case read > maxFileSize:
		return nil, &Error{File: name, Message: fmt.Sprintf("the file is larger than %d MiB; split it", maxFileSize>>20)}
	}
	return text.Bytes(), nil
}

func pathError(path string, err error) *Error {
	var cause *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{File: path, Message: "there is no such file or directory"}
	case errors.Is(err, fs.ErrPermission):
		return &Error{File: path, Message: "you may not read it"}
	case errors.As(err, &cause):
		return &Error{File: path, Message: "it cannot be read: " + cause.Err.Error()}
	default:
		return &Error{File: path, Message: "it cannot be read: " + err.Error()}
	}
}
