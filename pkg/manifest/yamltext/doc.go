// Package yamltext reads and edits the text of a YAML document: fields by their paths, values as JSON has them, and rewritten fields
// that leave every other line and comment as it was. It knows no Kubernetes object and no file, and imports plan for the paths.
package yamltext
