package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	// noticesName is a file in every archive: the licence texts and notices of what is linked into the binary.
	noticesName = "THIRD_PARTY_NOTICES"
	// standardLibrary is how the file calls what comes with Go.
	standardLibrary = "Go's standard library"
)

var (
	licenseName = regexp.MustCompile(`(?i)^(un)?(licen[cs]es?|copying|copyright)([.-].+)?$`)
	noticeName  = regexp.MustCompile(`(?i)^(third[-_]?party[-_]?)?(notices?|licen[cs]es?|patents)([.-].+)?$`)
	sourceName  = regexp.MustCompile(`(?i)\.(go|s|c|h|proto)$`)
)

// linked is a package that the program has in it, as go list describes it.
type linked struct {
	ImportPath, Dir string
	Standard        bool
	Module          *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// notice is a file that has to go with the binary: a licence, or what a licence demands to be passed on.
type notice struct {
	owner, file, text string
}

func (n notice) isLicense() bool { return licenseName.MatchString(path.Base(n.file)) }

// notices is the content of THIRD_PARTY_NOTICES for a platform. It follows the packages that are linked there, not go.mod, of
// which many modules are for tests and other platforms; and a package that came from elsewhere has a licence of its own beside it.
func notices(ctx context.Context, p platform) ([]byte, error) {
	version, err := goOutput(ctx, p, "env", "GOVERSION")
	if err != nil {
		return nil, err
	}
	root, err := goOutput(ctx, p, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	listed, err := goOutput(ctx, p, "list", "-deps", "-json=ImportPath,Dir,Standard,Module", "./cmd/"+program)
	if err != nil {
		return nil, err
	}
	packages, err := readPackages(listed)
	if err != nil {
		return nil, err
	}
	found, err := collectNotices(packages, strings.TrimSpace(string(root)), strings.TrimSpace(string(version)))
	return formatNotices(found), err
}

func goOutput(ctx context.Context, p platform, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Env = p.environment()
	output, err := command.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		return nil, fmt.Errorf("%s/%s: go %s: %w\n%s", p.os, p.arch, strings.Join(arguments, " "), err, failed.Stderr)
	}
	return output, err
}

// readPackages reads one JSON object after the other, which is how go list writes them.
func readPackages(listed []byte) (packages []linked, err error) {
	for decoder := json.NewDecoder(bytes.NewReader(listed)); ; {
		var p linked
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
}

// owner is who a package comes from, and the folder that all of his begins in.
func (p linked) owner(goRoot, goVersion string) (name, root string, err error) {
	switch {
	case p.Standard:
		return standardLibrary + " " + goVersion, goRoot, nil
	case p.Module == nil:
		return "", "", fmt.Errorf("package %s is in no module, so that its licence is not known: require the module that has it", p.ImportPath)
	}
	return p.Module.Path + " " + p.Module.Version, p.Module.Dir, nil
}

// collectNotices reads the notices of all packages but the program's own, in the order of modules and files. What comes without
// a licence text may not be passed on, so that it is an error.
func collectNotices(packages []linked, goRoot, goVersion string) ([]notice, error) {
	found := map[notice]bool{}
	licensed := map[string]bool{}
	for _, p := range packages {
		if p.Module != nil && p.Module.Main {
			continue
		}
		name, root, err := p.owner(goRoot, goVersion)
		if err != nil {
			return nil, err
		}
		files, err := noticesBetween(p.Dir, root)
		if err != nil {
			return nil, err
		}
		licensed[name] = licensed[name] || slices.ContainsFunc(files, notice.isLicense)
		for _, file := range files {
			file.owner = name
			found[file] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(licensed)) {
		if !licensed[name] {
			return nil, fmt.Errorf("%s has no licence text, so that no binary with it may be passed on: replace it, or ask its authors for one", name)
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b notice) int {
		return cmp.Or(strings.Compare(a.owner, b.owner), strings.Compare(a.file, b.file))
	}), nil
}

// noticesBetween are those of a folder and of all above it up to the root, with paths from there.
func noticesBetween(folder, root string) ([]notice, error) {
	below, err := filepath.Rel(root, folder)
	if err != nil {
		return nil, err
	}
	if !filepath.IsLocal(below) {
		return nil, fmt.Errorf("%s is not below %s", folder, root)
	}
	var found []notice
	for ; ; below = filepath.Dir(below) {
		here, err := noticesIn(root, below)
		if err != nil {
			return nil, err
		}
		found = append(found, here...)
		if below == "." {
			return found, nil
		}
	}
}

func noticesIn(root, folder string) (found []notice, err error) {
	entries, err := os.ReadDir(filepath.Join(root, folder))
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.Type().IsRegular() || sourceName.MatchString(name) || !licenseName.MatchString(name) && !noticeName.MatchString(name) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, folder, name))
		if err != nil {
			return nil, err
		}
		if text := strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")); text != "" {
			found = append(found, notice{file: filepath.ToSlash(filepath.Join(folder, name)), text: text})
		}
	}
	return found, nil
}

// formatNotices writes every text once, after all files that have it: many modules share one.
func formatNotices(found []notice) []byte {
	owners := map[string][]string{}
	var texts []string
	for _, n := range found {
		if owners[n.text] == nil {
			texts = append(texts, n.text)
		}
		owners[n.text] = append(owners[n.text], n.owner+": "+n.file)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s is under the licence in the file LICENSE. It contains the work of others, named below; the licence or notice that\n"+
		"their authors ask to be passed on follows each list of names.\n", program)
	for _, text := range texts {
		line := strings.Repeat("=", 120)
		fmt.Fprintf(&b, "\n%s\n%s\n%s\n\n%s\n", line, strings.Join(owners[text], "\n"), line, text)
	}
	return b.Bytes()
}
