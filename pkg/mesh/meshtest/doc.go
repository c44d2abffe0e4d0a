// Package meshtest has what the tests of the model share: meshes out of YAML.
package meshtest
