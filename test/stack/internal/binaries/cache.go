// Package binaries makes what the local stack consists of, from Go modules alone, and keeps it in the user's cache.
package binaries

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
)

// CacheFolder returns the project's folder in the user's cache, $XDG_CACHE_HOME/kubectl-grpcexpose or
// ~/.cache/kubectl-grpcexpose on Linux.
func CacheFolder() (string, error) {
	folder, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w; set HOME or XDG_CACHE_HOME", err)
	}
	return filepath.Join(folder, "kubectl-grpcexpose"), nil
}

// sourceFolder returns the folder of the stack's module, which holds the modules to build from. It is where this file
// was compiled: a module that imports the stack replaces it by its folder, and so the folder is there.
func sourceFolder() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	folder := filepath.Join(filepath.Dir(file), "..", "..")
	if _, err := os.Stat(filepath.Join(folder, "build")); !ok || err != nil {
		return "", errors.New("the sources of test/stack are not where this program was built from: build it in a clone of the repository, without -trimpath")
	}
	return folder, nil
}

// path returns where the product is in the cache, whether it is there or not. The folder's name has a hash of all that
// decides what comes out of the build, so that a clone with other versions finds its own, and never an old one.
func (p product) path(cache, source string) (string, error) {
	key, err := p.module.key(source)
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "bin", p.module.name+"-"+key, p.name), nil
}

// key hashes the module's input files, its build flags and the platform.
func (m module) key(source string) (string, error) {
	var files []string
	for _, pattern := range m.inputs {
		matches, err := filepath.Glob(filepath.Join(source, m.folder, pattern))
		if err != nil {
			return "", err
		}
		files = append(files, matches...)
	}
	if len(files) == 0 {
		return "", fmt.Errorf("module %s has none of its files %s in %s", m.name, strings.Join(m.inputs, ", "), m.folder)
	}
	sort.Strings(files)
	hash := sha256.New()
	fmt.Fprintf(hash, "%s/%s %q\n", runtime.GOOS, runtime.GOARCH, m.flags)
	for _, file := range files {
		name, err := filepath.Rel(source, file)
		if err != nil {
			return "", err
		}
		if err := hashFile(hash, name, file); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:12], nil
}

// hashFile writes the file's name, size and content, so that no two sets of files give the same bytes.
func hashFile(hash io.Writer, name, path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(hash, "%s %d\n", filepath.ToSlash(name), len(content))
	_, err = hash.Write(content)
	return err
}
