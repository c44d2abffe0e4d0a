package lintrun

import (
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// program is how users call it.
const program = "kubectl grpcexpose"

// Options are what lint does.
type Options struct {
	Streams report.Streams
	// Sources are the clusters to read, one for each context; with files alone none is.
	Sources []Source
	// Files are the manifests; nil for none.
	Files         *manifest.Sources
	SelfContained bool
	WithCluster   bool
	Target        lint.Target

	Checks    []*checks.Check
	AllScopes bool
	// GRPCPorts are ports that the user says are gRPC.
	GRPCPorts []mesh.GRPCPort
	// FailOn is empty for never.
	FailOn  checks.Level
	Printer report.LintPrinter
	Ignores []IgnoreRule
	// SettingsNote names the settings file, empty for none.
	SettingsNote string
	// Baseline is a path, empty for none.
	Baseline      string
	WriteBaseline bool

	Fix        FixOptions
	Watch      bool
	ListChecks bool
	PrintRBAC  bool
	// Output is the format's name: ListChecks has its own printers.
	Output string
	Now    func() time.Time
}

// Source is a cluster, and its context where several were asked for.
type Source struct {
	Client  func() (*cluster.Client, error)
	Context string
}

// The values of --scope, and the one of --fail-on that no level has.
const (
	// ScopeGRPC is what lies on the path of gRPC calls.
	ScopeGRPC = "grpc"
	// ScopeAll is every route, Gateway and policy.
	ScopeAll = "all"
	// FailNever has no finding make the command fail.
	FailNever = "never"
)

var (
	// Scopes are the words that --scope takes.
	Scopes = []string{ScopeGRPC, ScopeAll}
	// FailLevels are those that --fail-on takes.
	FailLevels = []string{string(checks.Error), string(checks.Warning), string(checks.Info), FailNever}
)
