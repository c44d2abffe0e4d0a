// Package lint runs the checks over a snapshot: which checks there are and which are meant, what one finding explains of another, what is
// silenced, which findings are on a workload's path, and which fixes may be made without a question. It imports the checks and what they
// import.
package lint

// program is how users call it.
const program = "kubectl grpcexpose"
