// Package lintrun is a run of lint from loading to the exit code: it loads the meshes, has the checks run over them, compares with a cluster or
// a baseline, prints the report, fixes what is to be fixed, or watches. What is decided about findings is pkg/lint's; this is where it meets
// files, clusters and printers. It is for the command lint; it imports execution, lint, load, manifest, rbac and report.
package lintrun
