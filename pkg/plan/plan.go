// Package plan holds what is going to be done to a cluster or to files, as data: ordered changes with before, after and
// reason. Showing, diffing, applying and undoing are all done from the one Plan, so that they cannot drift apart.
package plan

// Plan is an ordered list of changes: each may rest on those before it.
type Plan struct {
	Changes []Change
	// Notes are what the user should know beside the changes, one sentence each.
	Notes []string
}

// Empty says that there is nothing to do.
func (p Plan) Empty() bool { return len(p.Changes) == 0 }
