// Package manifest reads Kubernetes manifests from files into the objects that a mesh.Snapshot is made of, with the line of
// every field, and edits the files in place: what an edit does not speak of stays as it is, byte for byte.
package manifest
