// Package cluster is the API server's side of the program: it loads a mesh.Snapshot, says what the user may do, asks the
// server what a plan would come to, applies it, and waits for what follows.
//
// It sends plain REST requests and decodes them into the types of package mesh, so that nothing of a generated client has
// to be linked or set up. Every error that leaves it is one of the types in errors.go or wraps the context's own.
package cluster
