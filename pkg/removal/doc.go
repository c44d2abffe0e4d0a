// Package removal decides what undoes what create did, for a workload, for some or for whole namespaces: from the marks that create
// left and from what the mesh needs now, a plan. It reads and writes nothing itself, and knows create by the marks alone. It
// imports the model, plan, projection and remedy.
package removal
