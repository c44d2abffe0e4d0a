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

// inChart says that the file lies below the templates of a chart.
func (f *file) inChart() bool {
	for directory := filepath.Dir(f.path); ; directory = filepath.Dir(directory) {
		if filepath.Base(directory) == "templates" {
			if _, err := os.Stat(filepath.Join(filepath.Dir(directory), "Chart.yaml")); err == nil {
				return true
			}
		}
		if directory == filepath.Dir(directory) {
			return false
		}
	}
}
