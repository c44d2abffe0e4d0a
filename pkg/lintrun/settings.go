package lintrun

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/exitcode"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Settings are what the settings file may say. Flags win over it.
type Settings struct {
	// Checks, Scope, FailOn and Baseline are as the flags; a relative path is one beside the settings file.
	Checks   []string `yaml:"checks"`
	Scope    string   `yaml:"scope"`
	FailOn   string   `yaml:"failOn"`
	Baseline string   `yaml:"baseline"`
	// Ignore silences findings.
	Ignore []IgnoreRule `yaml:"ignore"`

	// Note says where they are, or why the file that is there does not count; empty where there is none.
	Note string `yaml:"-"`
}

// IgnoreRule silences the findings that all its fields accept. Names, namespaces and files may have the wildcards of shells.
type IgnoreRule struct {
	// Check is an ID, the beginning of one, or a name.
	Check     string `yaml:"check"`
	Kind      string `yaml:"kind"`
	Namespace string `yaml:"namespace"`
	Name      string `yaml:"name"`
	// File is a path beside the settings file or as it was given to -f, or the beginning of one that ends in a slash.
	File string `yaml:"file"`
	// Reason is why; it is shown with what is suppressed.
	Reason string `yaml:"reason"`

	// beside is the directory of the settings file.
	beside string
}

// MaxSettings bounds what is read of a settings file.
const MaxSettings = 1 << 20

// ReadSettings reads the settings file that is named, or else the one of the working tree, if it has one.
func ReadSettings(named string) (Settings, error) {
	var settings Settings
	path := named
	if path == "" {
		found, inRepository, err := findSettings()
		switch {
		case err != nil || found == "":
			return settings, err
		case !inRepository:
			settings.Note = found + " is not used: it is in no git repository; name it with --config to use it"
			return settings, nil
		}
		path = found
	}
	text, info, err := manifest.ReadRegular(path, MaxSettings)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return settings, exitcode.Usage("--config=%s: there is no such file", path)
	case err != nil:
		return settings, fmt.Errorf("%s cannot be read: %w", path, err)
	case named == "":
		if reason := untrusted(info); reason != "" {
			return settings, fmt.Errorf("the settings file %s is not used: %s; make it yours and writable only for you, or name it with --config if you trust it", path, reason)
		}
	}
	settings.Note = "settings of " + path
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&settings); err != nil && !errors.Is(err, io.EOF) {
		return settings, settingsError(path, err)
	}
	if err := settings.problem(); err != nil {
		return settings, fmt.Errorf("%s: %w", path, err)
	}
	beside, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return settings, err
	}
	for i := range settings.Ignore {
		settings.Ignore[i].beside = beside
	}
	if settings.Baseline != "" {
		if err := staysBelow(beside, settings.Baseline); err != nil {
			return settings, fmt.Errorf("%s: baseline: %w", path, err)
		}
		settings.Baseline = filepath.Join(filepath.Dir(path), settings.Baseline)
	}
	return settings, nil
}

// staysBelow is an error if a path that the settings name leads out of their folder, in its words or by a link.
func staysBelow(folder, path string) error {
	outside := fmt.Errorf("%q leads out of the folder of the settings file, and what settings name must be below it; give a path below it, or name the file with --baseline", path)
	if !filepath.IsLocal(path) {
		return outside
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if _, err := root.Stat(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return outside
	}
	target := filepath.Join(folder, path)
	if resolved, err := filepath.EvalSymlinks(filepath.Dir(target)); err == nil {
		target = filepath.Join(resolved, filepath.Base(target))
	}
	if slices.ContainsFunc(strings.Split(filepath.ToSlash(target), "/"), isGitFolder) {
		return fmt.Errorf("%q is in git's own folder, whose files git may run or follow; give a path outside of it", path)
	}
	return nil
}

// isGitFolder reports whether git takes a folder of the name for its own, on a file system that may not tell cases apart.
func isGitFolder(name string) bool { return strings.EqualFold(name, ".git") }

var (
	yamlLine     = regexp.MustCompile(`(?s)^(?:yaml: )?line (\d+): (.*)$`)
	unknownField = regexp.MustCompile(`^field (.*) not found in type .*$`)
	wrongType    = regexp.MustCompile("^cannot unmarshal !!(?:\\w+)(?: (`.*`))? into (.*)$")
)

// settingsError is the first of a decoder's complaints, with its line and without the decoder.
func settingsError(path string, err error) error {
	message := err.Error()
	if wrong, ok := errors.AsType[*yaml.TypeError](err); ok && len(wrong.Errors) > 0 {
		message = wrong.Errors[0]
	}
	if parts := yamlLine.FindStringSubmatch(message); parts != nil {
		path, message = path+":"+parts[1], parts[2]
	}
	if parts := unknownField.FindStringSubmatch(message); parts != nil {
		message = fmt.Sprintf("unknown field %q", parts[1])
	}
	if parts := wrongType.FindStringSubmatch(message); parts != nil {
		wanted := "a mapping"
		switch {
		case strings.HasPrefix(parts[2], "[]"):
			wanted = "a list"
		case parts[2] == "string":
			wanted = "a text"
		}
		message = strings.TrimSpace(parts[1]+" must be ") + " " + wanted
	}
	return fmt.Errorf("%s: %s; there may be checks, scope, failOn, baseline, and ignore, a list of check, kind, namespace, name, file and reason", path, message)
}

// problem is a value that makes no sense.
func (s Settings) problem() error {
	for _, setting := range []struct {
		name, value string
		values      []string
	}{{"scope", s.Scope, Scopes}, {"failOn", s.FailOn, FailLevels}} {
		if setting.value != "" && !slices.Contains(setting.values, setting.value) {
			return fmt.Errorf("%s: %q must be one of %s", setting.name, setting.value, strings.Join(setting.values, ", "))
		}
	}
	if _, err := lint.Select(s.Checks); err != nil {
		return fmt.Errorf("checks: %w", err)
	}
	for i, rule := range s.Ignore {
		if err := rule.problem(); err != nil {
			return fmt.Errorf("ignore[%d]: %w", i, err)
		}
	}
	return nil
}

// decodeProblem is a decoder's message without the decoder.
func decodeProblem(err error) string {
	message := err.Error()
	for _, prefix := range []string{"error converting YAML to JSON: ", "error unmarshaling JSON: ", "while decoding JSON: ", "yaml: ", "json: "} {
		message = strings.TrimPrefix(message, prefix)
	}
	if strings.HasPrefix(message, "cannot unmarshal ") {
		return "it has something else where a list, a mapping or a text belongs"
	}
	return message
}

// findSettings is the settings file of the working directory, or of the closest directory above it up to the root of the
// repository; empty where there is none. Outside of a repository none counts: whoever may write to a directory above, as to
// /tmp, would have his settings used.
func findSettings() (path string, inRepository bool, err error) {
	directory, err := os.Getwd()
	if err != nil {
		return "", false, nil
	}
	if target, err := filepath.EvalSymlinks(directory); err == nil {
		directory = target
	}
	for {
		candidate := filepath.Join(directory, manifest.SettingsFile)
		if _, err := os.Lstat(candidate); err == nil && path == "" {
			path = candidate
		}
		if _, err := os.Lstat(filepath.Join(directory, ".git")); err == nil {
			return path, true, isInside(directory, path)
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return path, false, nil
		}
		directory = parent
	}
}

// isInside is an error if the settings file is a link that leads out of the repository.
func isInside(repository, path string) error {
	if path == "" {
		return nil
	}
	target, err := filepath.EvalSymlinks(path)
	if err == nil {
		relative, err := filepath.Rel(repository, target)
		if err == nil && filepath.IsLocal(relative) {
			return nil
		}
	}
	return fmt.Errorf("the settings file %s is not used: it is a link that leads out of the repository %s; put the file itself there, or name it with --config", path, repository)
}

func (r IgnoreRule) problem() error {
	if _, err := lint.Select([]string{r.Check}); err != nil || strings.HasPrefix(r.Check, "-") {
		return fmt.Errorf("check: %q is no check's ID, beginning of an ID, or name", r.Check)
	}
	if r.Reason == "" {
		return errors.New("reason is missing: say why it is ignored")
	}
	if r.Kind != "" && !slices.ContainsFunc(mesh.Kinds(), func(kind mesh.Kind) bool { return strings.EqualFold(kind.Info().Kind, r.Kind) }) {
		return fmt.Errorf("kind: no check is about a %q", r.Kind)
	}
	for _, pattern := range []string{r.Namespace, r.Name, r.File} {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("the pattern %q is not complete", pattern)
		}
	}
	return nil
}

// ignoredBy says whether a rule silences the finding, and why. file is where the object was read.
func ignoredBy(rules []IgnoreRule, finding checks.Finding, file string) (reason string, ignored bool) {
	for _, rule := range rules {
		if rule.accepts(finding, file) {
			return rule.Reason, true
		}
	}
	return "", false
}

func (r IgnoreRule) accepts(finding checks.Finding, file string) bool {
	check, ok := lint.Find(finding.ID)
	return ok && check.Matches(r.Check) &&
		(r.Kind == "" || strings.EqualFold(r.Kind, mesh.GroupVersionKind(finding.Object).Kind)) &&
		accepts(r.Namespace, finding.Object.GetNamespace()) && accepts(r.Name, finding.Object.GetName()) && r.acceptsFile(file)
}

// acceptsFile compares the path as it was given, and as it is seen from the settings file, wherever the command runs.
func (r IgnoreRule) acceptsFile(file string) bool {
	if r.File == "" {
		return true
	}
	if file == "" {
		return false
	}
	paths := []string{filepath.ToSlash(filepath.Clean(file))}
	if whole, err := filepath.Abs(file); err == nil {
		if seen, err := filepath.Rel(r.beside, whole); err == nil {
			paths = append(paths, filepath.ToSlash(seen))
		}
	}
	pattern := path.Clean(r.File)
	if !strings.HasSuffix(r.File, "/") {
		return slices.ContainsFunc(paths, func(path string) bool { return accepts(pattern, path) })
	}
	return slices.ContainsFunc(paths, func(path string) bool {
		below := pattern == "." && path != ".." && !strings.HasPrefix(path, "../") && !strings.HasPrefix(path, "/")
		return below || strings.HasPrefix(path, strings.TrimSuffix(pattern, "/")+"/")
	})
}

// accepts says that a value has the form of a pattern; an empty pattern accepts everything.
func accepts(pattern, value string) bool {
	matched, _ := path.Match(pattern, value) // the pattern was tried when it was read
	return pattern == "" || matched
}
