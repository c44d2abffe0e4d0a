package manifest

import (
	"os"
	"path/filepath"
	"regexp"
)

// templateAction is what charts have and manifests do not. The braces alone prove nothing: alerting rules and dashboards
// have them in their texts.
var templateAction = regexp.MustCompile(`\{\{-?\s*(?:/\*|\.(?:Values|Release|Chart|Capabilities|Files|Template)\b|(?:include|template|if|range|with|define|toYaml|tpl)\s|end\s*-?\}\})`)

// isTemplate says that the text has actions of a Helm template.
func (f *file) isTemplate() bool { return templateAction.Match(f.text) }

// chart is the folder of the Helm chart of which the file is a template; empty for a file that is none.
func (f *file) chart() string {
	if !f.isTemplate() {
		return ""
	}
	for directory := filepath.Dir(f.path); ; directory = filepath.Dir(directory) {
		if filepath.Base(directory) == "templates" {
			chart := filepath.Dir(directory)
			if _, err := os.Stat(filepath.Join(chart, "Chart.yaml")); err == nil {
				return chart
			}
		}
		if directory == filepath.Dir(directory) {
			return ""
		}
	}
}
