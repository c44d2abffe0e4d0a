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

const (
	// maxFileSize bounds what is read of one file: ten times a dump of a large cluster.
	maxFileSize = 256 << 20
	// maxTotalSize bounds what is read of all files together.
	maxTotalSize = 1 << 30
)

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
	// Strict makes a fault of everything in a directory that could not be read.
	Strict bool
	// Kustomize is a directory with a kustomization, empty for none.
	Kustomize string
	// AllowRemote lets kustomizations load what is remote, for which kustomize runs git and asks the network.
	AllowRemote bool
	// Stdin is read for "-".
	Stdin io.Reader
}

// opened is what the sources hold.
type opened struct {
	// files are those to read as they are.
	files []*file
	// builds are what the kustomizations in the directories make, one each.
	builds []*file
	// charts are the folders of Helm charts.
	charts []string
	// unreadable says what of the directories could not be read.
	unreadable []error
	// size is that of all texts together.
	size int
}

// open reads the texts, each file once. All that cannot be read of what the user named is reported together.
func (s Sources) open() (*opened, error) {
	all := &opened{}
	var faults []error
	for _, path := range s.Files {
		faults = append(faults, s.openPath(path, all))
	}
	all.files = onceEach(all.files)
	all.builds = onceEach(all.builds)
	if s.Kustomize != "" {
		built, err := kustomize(s.Kustomize, s.AllowRemote, sourceFiles{})
		faults = append(faults, err)
		if built != nil {
			all.files = append(all.files, built)
		}
	}
	return all, errors.Join(faults...)
}

// folders are the directories among the files.
func (s Sources) folders() []string {
	return slices.DeleteFunc(slices.Clone(s.Files), func(path string) bool {
		info, err := os.Stat(path)
		return err != nil || !info.IsDir()
	})
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
		return f.inPlace || f.generated
	})
}

// openPath reads a file, or those of a directory.
func (s Sources) openPath(path string, all *opened) error {
	if path == "-" {
		read, err := readFile(s.Stdin, standardInput)
		read.named = true
		return errors.Join(err, all.add(read))
	}
	if strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
		return &Error{File: path, Message: "addresses are not read; download the file and give its path"}
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return pathError(path, err)
	case info.IsDir():
		return s.openDirectory(path, all)
	}
	read, err := openNamed(path)
	if err != nil {
		return err
	}
	read.named = true
	read.inPlace = info.Mode().IsRegular()
	read.folder = filepath.Dir(path)
	return all.add(read)
}

// openDirectory reads the manifests of a directory, and builds the kustomizations in it.
func (s Sources) openDirectory(root string, all *opened) error {
	tree, err := s.walk(root)
	if err != nil {
		return err
	}
	all.unreadable = append(all.unreadable, tree.unreadable...)
	kustomizations := readKustomizations(tree.kustomizations)
	built, faults := kustomizations.build(s.AllowRemote)
	all.builds = append(all.builds, built...)
	all.unreadable = append(all.unreadable, faults...)
	for _, path := range slices.Concat(tree.paths, kustomizations.files) {
		if kustomizations.takes(path) {
			continue
		}
		read, err := openListed(path)
		if err != nil {
			all.unreadable = append(all.unreadable, err)
			continue
		}
		if chart := read.chart(); chart != "" {
			all.addChart(chart)
			continue
		}
		read.inPlace = true
		read.folder = root
		if err := all.add(read); err != nil {
			return err
		}
	}
	return nil
}

// add counts a file, and is an error once the files are too much together.
func (o *opened) add(read *file) error {
	o.files = append(o.files, read)
	if o.size += len(read.text); o.size > maxTotalSize {
		return &Error{File: read.path, Message: fmt.Sprintf("the files up to this one are larger than %d MiB; read fewer at a time", maxTotalSize>>20)}
	}
	return nil
}

// addChart adds the folder of a chart, unless it is that of a chart within another.
func (o *opened) addChart(chart string) {
	for _, known := range o.charts {
		if chart == known || strings.HasPrefix(chart, known+string(filepath.Separator)) {
			return
		}
	}
	o.charts = slices.DeleteFunc(o.charts, func(known string) bool { return strings.HasPrefix(known, chart+string(filepath.Separator)) })
	o.charts = append(o.charts, chart)
}

// openListed reads a file that a directory lists: one that is no file, as a pipe, might never end.
func openListed(path string) (*file, error) {
	text, info, err := ReadRegular(path, maxFileSize)
	switch {
	case info != nil && !info.Mode().IsRegular():
		return nil, &Error{File: path, Message: "it is not a file; name it with -f if it is to be read all the same"}
	case err != nil:
		return nil, readError(path, err)
	}
	return newFile(path, text), nil
}

// openNamed reads what the user names, which may be a pipe or a device: it is read until it ends, or becomes too much.
func openNamed(path string) (*file, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	defer func() { _ = opened.Close() }()
	return readFile(opened, path)
}

func readFile(reader io.Reader, name string) (*file, error) {
	if reader == nil {
		return newFile(name, nil), &Error{File: name, Message: "there is no standard input to read"}
	}
	text, err := readAtMost(reader, maxFileSize)
	return newFile(name, text), readError(name, err)
}

func newFile(name string, text []byte) *file {
	text, wide := fromUTF16(text)
	return &file{path: name, text: text, utf16: wide}
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

// readError makes any fault of reading one with the file's name.
func readError(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTooLarge):
		return &Error{File: path, Message: fmt.Sprintf("the file is larger than %d MiB; split it", maxFileSize>>20)}
	}
	return pathError(path, err)
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
