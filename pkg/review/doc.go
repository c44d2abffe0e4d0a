// Package review says what the checks make of one workload's path: before create writes, of the path as the plan leaves it; afterwards, and
// for status and verify, of the path as it is. It is where checks and expose meet; it imports both, load for what they read, and report
// for the form of a status.
package review

// program is how users call it.
const program = "kubectl grpcexpose"
