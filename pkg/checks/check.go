// Package checks is the vocabulary of whoever writes a check: Check, its documentation and what it reads; Pass, through which it sees
// the mesh and reports; Finding and Fix; and what all families ask of the mesh: which ports are gRPC (PortsInScope, EachPolicy), who calls
// them (CallersOf, CallPathsTo), what answers (BackendsOf), and whether a route, Gateway or server concerns gRPC (InScope and its kin).
// The checks stand in the families, one package for each hop of a call. It imports the model and pkg/plan.
package checks

import (
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// Level says how bad a finding is.
type Level string

const (
	// Error: calls on the exposed path fail, are dropped, or never arrive.
	Error Level = "error"
	// Warning: calls work today but are balanced per connection, or fail in a case that users hit.
	Warning Level = "warning"
	// Info is advice.
	Info Level = "info"
)

// AtLeast reports whether a level is as bad as another, or worse.
func (l Level) AtLeast(other Level) bool { return l.rank() >= other.rank() }

func (l Level) rank() int {
	switch l {
	case Error:
		return 3
	case Warning:
		return 2
	case Info:
		return 1
	default:
		return 0
	}
}

// Check is one rule with its documentation; explain, the docs pages and the tests are all made from it.
type Check struct {
	// ID is permanent; a retired one is never used again.
	ID string
	// Slug is the name in words, and the name of the file that holds the check.
	Slug string
	// Levels are those that it gives, the worst first.
	Levels []Level
	// Title says what it finds, in a line.
	Title string
	// What says what it finds, Why what Istio or Kubernetes does with it, Client what a gRPC client sees. Markdown.
	What, Why, Client string
	// Bad is a mesh with the fault and Good the same mesh without it, as YAML; both are executed by a test on top of a
	// small mesh with a default Istio (see examples_test.go).
	Bad, Good string
	// Base names the mesh on which Bad and Good stand where that is not the default one: "tcm" has only revisions, "ambient" no
	// sidecars, "none" is empty.
	Base string
	// Reads are the kinds that the check rests on; one that may not be read makes the check skip.
	Reads []mesh.Kind
	// Consults are the kinds that it reads besides, for evidence, level or fix: without them it runs all the same. One that is
	// among Reads as well is read.
	Consults []mesh.Kind
	// Passing findings say how things are at the moment, not how they are set up: pods that are not ready, a gateway that is down. They
	// keep nobody from exposing a workload.
	Passing bool
	// Accepts are the choices of create with which its user accepts what the check finds.
	Accepts Choice
	// Since is the first version that has the check.
	Since string
	// Run reports what it finds.
	Run func(*Pass)
}

// Matches reports whether a pattern means the check: its ID, the beginning of its ID, or its slug.
func (c *Check) Matches(pattern string) bool {
	return len(pattern) >= len("GX") && strings.HasPrefix(c.ID, strings.ToUpper(pattern)) || c.Slug == pattern
}

// Choice is a set of things that the user of create may choose to do without.
type Choice uint8

const (
	// WithoutProxies is --inject=none.
	WithoutProxies Choice = 1 << iota
	// WithoutRestart is --restart=none.
	WithoutRestart
)

// FixLevel reports whether a fix may be applied without a question.
type FixLevel string

const (
	// Safe fixes are applied by --fix. They change one namespace, whose own objects call for them.
	Safe FixLevel = "safe"
	// Ask fixes are applied by --fix=all, after a question.
	Ask FixLevel = "ask"
	// Words only: what to do is said, the change is the user's.
	Words FixLevel = "words"
)

// Fix is what to do about a finding.
type Fix struct {
	// Text says it in a sentence in the imperative.
	Text  string
	Level FixLevel
	// Changes do it; empty for Words.
	Changes []plan.Change
	// OnWordOf are objects that call for the fix beside the one that the finding is about. Those of other namespaces than what
	// changes are named, and make no fix safe; see trust.
	OnWordOf []mesh.Key
}

// Finding is one fault of one object.
type Finding struct {
	ID    string
	Slug  string
	Level Level
	// Object is what the finding is about.
	Object mesh.Object
	// Path is the field; empty for the object as a whole.
	Path plan.Path
	// Message says what is wrong, in one sentence.
	Message string
	// Evidence is what the judgement rests on, one clause each.
	Evidence []string
	// Symptom is what a gRPC client sees.
	Symptom string
	Fix     Fix
	// Workloads are those on whose path the object is; filled in where Options.Paths is given.
	Workloads []mesh.Key
}

// Skip is a check, or a part of one, that could not be run.
type Skip struct {
	ID     string
	Slug   string
	Reason string
}
