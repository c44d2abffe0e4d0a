// Package load reads what an answer depends on, in rounds: from a cluster, from files, or from files as they would change a cluster. A
// Question declares the kinds and where they matter; what was found says what to read then (the Secrets that Gateways name, the settings
// of the control planes). It is for every command that needs a snapshot. It imports cluster, manifest, rbac and the model; which kinds a
// check or create reads is declared there, and comes in as an argument.
package load
