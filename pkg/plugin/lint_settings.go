package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// settingsFile is where a repository says how it wants to be judged.
const settingsFile = manifest.SettingsFile

// lintSettings are what the settings file may say. Flags win over it.
type lintSettings struct {
	// Checks, Scope, FailOn and Baseline are as the flags; a relative path is one beside the settings file.
	Checks   []string `json:"checks,omitempty"`
	Scope    string   `json:"scope,omitempty"`
	FailOn   string   `json:"failOn,omitempty"`
	Baseline string   `json:"baseline,omitempty"`
	// Ignore silences findings.
	Ignore []ignoreRule `json:"ignore,omitempty"`
}

// ignoreRule silences the findings that all its fields accept. Names, namespaces and files may have the wildcards of shells.
type ignoreRule struct {
	// Check is an ID, the beginning of one, or a name.
	Check     string `json:"check"`
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// File is a path as it was given to -f, or the beginning of one that ends in a slash.
	File string `json:"file,omitempty"`
	// Reason is why; it is shown with what is suppressed.
	Reason string `json:"reason"`
}

// readSettings reads the settings file that is named, or else the one of the working tree, if it has one.
func readSettings(named string) (lintSettings, error) {
	var settings lintSettings
	path := named
	if path == "" {
		if path = findSettings(); path == "" {
			return settings, nil
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return settings, usage("--config=%s: there is no such file", path)
		}
		return settings, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	if err := yaml.UnmarshalStrict(text, &settings); err != nil {
		return settings, fmt.Errorf("%s: %s; it may have checks, scope, failOn, baseline and ignore", path, settingsProblem(err))
	}
	for i, rule := range settings.Ignore {
		if err := rule.problem(); err != nil {
			return settings, fmt.Errorf("%s: ignore[%d]: %w", path, i, err)
		}
	}
	if settings.Baseline != "" && !filepath.IsAbs(settings.Baseline) {
		settings.Baseline = filepath.Join(filepath.Dir(path), settings.Baseline)
	}
	return settings, nil
}

// settingsProblem is a decoder's message without the decoder.
func settingsProblem(err error) string {
	message := err.Error()
	for _, prefix := range []string{"error converting YAML to JSON: ", "error unmarshaling JSON: ", "while decoding JSON: ", "yaml: ", "json: "} {
		message = strings.TrimPrefix(message, prefix)
	}
	return message
}

// findSettings is the settings file of the working directory, or of the closest directory above it up to the root of the
// repository; empty where there is none.
func findSettings() string {
	directory, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		candidate := filepath.Join(directory, settingsFile)
		if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() {
			return candidate
		}
		parent := filepath.Dir(directory)
		if _, err := os.Stat(filepath.Join(directory, ".git")); err == nil || parent == directory {
			return ""
		}
		directory = parent
	}
}

// fill gives the flags that were not typed the values of the settings.
func (s lintSettings) fill(flags *lintFlags, typed func(flag string) bool) {
	for _, setting := range []struct {
		flag, value string
		into        *string
	}{{"scope", s.Scope, &flags.scope}, {"fail-on", s.FailOn, &flags.failOn}, {"baseline", s.Baseline, &flags.baseline}} {
		if setting.value != "" && !typed(setting.flag) {
			*setting.into = setting.value
		}
	}
	if len(s.Checks) > 0 && !typed("checks") {
		flags.checks = s.Checks
	}
}

func (r ignoreRule) problem() error {
	if _, err := checks.Select([]string{r.Check}); err != nil || strings.HasPrefix(r.Check, "-") {
		return fmt.Errorf("check: %q is no check's ID, beginning of an ID, or name", r.Check)
	}
	if r.Reason == "" {
		return errors.New("reason is missing: say why it is ignored")
	}
	for _, pattern := range []string{r.Namespace, r.Name, r.File} {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("the pattern %q is not complete", pattern)
		}
	}
	return nil
}

// ignoredBy says whether a rule silences the finding, and why. file is where the object was read.
func ignoredBy(rules []ignoreRule, finding checks.Finding, file string) (reason string, ignored bool) {
	for _, rule := range rules {
		if rule.accepts(finding, file) {
			return rule.Reason, true
		}
	}
	return "", false
}

func (r ignoreRule) accepts(finding checks.Finding, file string) bool {
	check, ok := checks.Find(finding.ID)
	return ok && check.Matches(r.Check) &&
		(r.Kind == "" || strings.EqualFold(r.Kind, mesh.GroupVersionKind(finding.Object).Kind)) &&
		accepts(r.Namespace, finding.Object.GetNamespace()) && accepts(r.Name, finding.Object.GetName()) &&
		(strings.HasSuffix(r.File, "/") && strings.HasPrefix(filepath.ToSlash(file), r.File) || accepts(r.File, filepath.ToSlash(file)))
}

// accepts says that a value has the form of a pattern; an empty pattern accepts everything.
func accepts(pattern, value string) bool {
	matched, _ := path.Match(pattern, value) // the pattern was tried when it was read
	return pattern == "" || matched
}
