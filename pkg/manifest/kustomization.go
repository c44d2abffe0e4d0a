package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest/yamltext"
)

// reference is a value of a kustomization, or of the configuration of one of kustomize's own plugins, that names something to
// load.
type reference struct {
	field, value string
	// directory says that kustomize loads a directory if it finds no file, and so may run git.
	directory bool
}

func (r reference) isRemote() bool {
	return isAddress(r.value) || r.directory && isRepository(r.value)
}

// referencesOf are all that a kustomization file names. It is decoded by kustomize itself, which takes keys in any case; what
// kustomize cannot decode it does not load.
// Source: the callers of Load and New in sigs.k8s.io/kustomize/api/internal/{target,accumulator,plugins,builtins}.
func referencesOf(content []byte) ([]reference, error) {
	var k types.Kustomization
	if err := k.Unmarshal(content); err != nil {
		return nil, nil
	}
	k.FixKustomization()
	if len(k.HelmCharts) > 0 || k.HelmGlobals != nil {
		return nil, errHelm
	}
	var found []reference
	add := func(field string, directory bool, values ...string) {
		for _, value := range values {
			found = append(found, reference{field, value, directory})
		}
	}
	add("resources", true, k.Resources...)
	add("components", true, k.Components...)
	add("generators", true, k.Generators...)
	add("transformers", true, k.Transformers...)
	add("validators", true, k.Validators...)
	for _, value := range slices.Concat(k.Generators, k.Transformers, k.Validators) {
		found = append(found, pluginReferences([]byte(value))...) // it may be the configuration itself
	}
	add("crds", false, k.Crds...)
	add("configurations", false, k.Configurations...)
	for key, value := range k.OpenAPI {
		add("openapi."+key, false, value)
	}
	for _, patch := range slices.Concat(k.Patches, k.PatchesJson6902) { //nolint:staticcheck // kustomize still takes it
		add("patches.path", false, patch.Path)
	}
	for _, patch := range k.PatchesStrategicMerge { //nolint:staticcheck // kustomize still takes it
		add("patchesStrategicMerge", false, string(patch))
	}
	for _, replacement := range k.Replacements {
		add("replacements.path", false, replacement.Path)
	}
	for _, generator := range k.ConfigMapGenerator {
		add("configMapGenerator", false, pathsOf(generator.KvPairSources)...)
	}
	for _, generator := range k.SecretGenerator {
		add("secretGenerator", false, pathsOf(generator.KvPairSources)...)
	}
	return found, nil
}

var errHelm = errors.New("helm charts are not rendered; render the chart with helm template and give the file that comes out with -f")

// pathsOf are the files that a generator reads; those of files may have a key before them.
func pathsOf(sources types.KvPairSources) []string {
	return slices.Concat(sources.EnvSources, withoutKeys(sources.FileSources))
}

func withoutKeys(files []string) []string {
	paths := slices.Clone(files)
	for _, file := range files {
		if _, path, keyed := strings.Cut(file, "="); keyed {
			paths = append(paths, path)
		}
	}
	return paths
}

// pluginFields are the fields of kustomize's own plugins that name files.
// Source: sigs.k8s.io/kustomize/api/internal/builtins.
var pluginFields = []string{"path", "paths", "files", "env", "envs", "targetFilePath", "valuesFile", "additionalValuesFiles"}

// pluginReferences are what the configurations of kustomize's own plugins in a text name; other plugins are not run. The text
// may be anything: most files that kustomize reads are no configurations.
func pluginReferences(content []byte) []reference {
	if !bytes.Contains(content, []byte("builtin")) {
		return nil
	}
	var found []reference
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document any
		if err := decoder.Decode(&document); err != nil {
			if _, oddValue := errors.AsType[*yaml.TypeError](err); oddValue {
				continue
			}
			return found // the end, or no YAML
		}
		found = append(found, pluginFilesIn(document, false)...)
	}
}

// pluginFilesIn goes through a value. Below a plugin's configuration every field of a name in pluginFields counts.
func pluginFilesIn(value any, configuration bool) []reference {
	var found []reference
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			found = append(found, pluginFilesIn(element, configuration)...)
		}
	case map[string]any:
		for key, element := range value {
			configuration = configuration || strings.EqualFold(key, "apiVersion") && element == "builtin"
		}
		for key, element := range value {
			found = append(found, pluginFilesIn(element, configuration)...)
			if configuration && slices.ContainsFunc(pluginFields, func(field string) bool { return strings.EqualFold(field, key) }) {
				for _, path := range withoutKeys(textsIn(element)) {
					found = append(found, reference{field: key, value: path})
				}
			}
		}
	}
	return found
}

// textsIn are a text, or those of a list.
func textsIn(value any) []string {
	elements, list := value.([]any)
	if !list {
		elements = []any{value}
	}
	var texts []string
	for _, element := range elements {
		if text, ok := element.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// remoteFaults are the references of a text that must not be loaded, each once, with its line.
func remoteFaults(path string, content []byte, references []reference, allowed bool) []error {
	var faults []*Error
	seen := map[string]bool{}
	for _, r := range references {
		if seen[r.value] || !r.isRemote() {
			continue
		}
		seen[r.value] = true
		shown := withoutPassword(r.value)
		switch {
		case hasOption(r.value):
			faults = append(faults, &Error{File: path, Line: lineOfValue(content, r.value), Message: fmt.Sprintf(
				"%s: %q has a part that begins with a dash, which git or ssh would take for an option; it is never fetched: remove it", r.field, shown)})
		case !allowed:
			faults = append(faults, &Error{File: path, Line: lineOfValue(content, r.value), Message: fmt.Sprintf(
				"%s: %q is remote and is not fetched; give --allow-remote if you trust it (kustomize then runs git and asks the network), or keep a copy beside the kustomization%s",
				r.field, shown, r.localName())})
		}
	}
	slices.SortStableFunc(faults, func(a, b *Error) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message)) })
	errs := make([]error, len(faults))
	for i, fault := range faults {
		errs[i] = fault
	}
	return errs
}

// localName says how to name what lies on disk under a name that looks like an address.
func (r reference) localName() string {
	if strings.Contains(r.value, "://") || isAddress(r.value) {
		return ""
	}
	return fmt.Sprintf("; a local path of that name is written %q", "./"+r.value)
}

// lineOfValue is the line on which a value stands, from 1; 0 if it is not there in these words. A value that is a part of a
// text, as of a plugin's configuration, is found where its words stand first.
func lineOfValue(content []byte, value string) int {
	root, err := yamltext.ParseText(content)
	if err != nil || root == nil {
		return 0
	}
	var find func(node *yaml.Node) int
	find = func(node *yaml.Node) int {
		if node.Kind == yaml.ScalarNode && (node.Value == value || strings.HasSuffix(node.Value, "="+value)) {
			return node.Line
		}
		for _, child := range node.Content {
			if line := find(child); line > 0 {
				return line
			}
		}
		return 0
	}
	if line := find(root); line > 0 {
		return line
	}
	before, _, there := bytes.Cut(content, []byte(value))
	if !there {
		return 0
	}
	return 1 + bytes.Count(before, []byte("\n"))
}
