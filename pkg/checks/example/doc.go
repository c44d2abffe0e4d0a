// Package example has the pieces of manifests that the checks' documentation is made of: every example is run by a test.
package example
