package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tree is what a directory that the user named holds.
type tree struct {
	// paths are those of the files that kubectl would read, by name.
	paths []string
	// kustomizations are the paths of the kustomization files.
	kustomizations []string
	unreadable     []error
}

// foreignFolders hold what other people have written, by a convention of their tools.
var foreignFolders = []string{"vendor", "node_modules"}

// walk finds the files of a directory: not those of folders that begin with a dot or hold what others have written, nor those that
// .gitignore names.
func (s Sources) walk(directory string) (*tree, error) {
	found := &tree{}
	root := directory + string(filepath.Separator) + "." // where it is a link, what it leads to
	ignores := map[string]gitignores{filepath.Clean(root): gitignoresAbove(directory).with(directory)}
	some := false
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		parent := ignores[filepath.Dir(path)]
		switch {
		case err != nil && path == root:
			return pathError(filepath.Clean(path), err)
		case err != nil:
			found.unreadable = append(found.unreadable, pathError(path, err))
			return nil
		case path == root:
			return nil
		case entry.IsDir() && (!s.Recursive || isForeign(entry.Name()) || parent.ignores(path, true)):
			return filepath.SkipDir
		case entry.IsDir():
			ignores[path] = parent.with(path)
			return nil
		}
		kustomization := isKustomizationName(path)
		if !kustomization && !slices.Contains(fileExtensions, filepath.Ext(path)) || entry.Name() == SettingsFile {
			return nil
		}
		some = true
		switch {
		case parent.ignores(path, false):
		case kustomization:
			found.kustomizations = append(found.kustomizations, path)
		case entry.Type()&fs.ModeSymlink != 0 && isDangling(path):
			found.unreadable = append(found.unreadable, &Error{File: path, Message: "it is a link to a file that is not there"})
		default:
			found.paths = append(found.paths, path)
		}
		return nil
	})
	if err == nil && !some {
		err = &Error{File: directory, Message: fmt.Sprintf(
			"the directory has no file that ends in %s; give -R to look below it", strings.Join(fileExtensions, ", "))}
	}
	return found, err
}

func isForeign(folder string) bool {
	return strings.HasPrefix(folder, ".") || slices.Contains(foreignFolders, folder)
}

func isDangling(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}
