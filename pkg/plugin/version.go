package plugin

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// unreleased is the version of a build to which nobody gave one.
const unreleased = "v0.1.0-dev"

// version is set by the linker for a release.
var version = unreleased

// programVersion is the linker's, or the module's where "go install MODULE@VERSION" has built the program.
func programVersion() string {
	build, ok := debug.ReadBuildInfo()
	if ok && version == unreleased && build.Main.Sum != "" {
		return build.Main.Version
	}
	return version
}

type versionOptions struct {
	streams    report.Streams
	clients    *factory
	clientOnly bool
	output     string
}

func newVersionCommand(streams report.Streams, clients *factory, run func(context.Context, *versionOptions) error) *cobra.Command {
	options := &versionOptions{streams: streams, clients: clients}
	if run == nil {
		run = func(ctx context.Context, options *versionOptions) error { return options.run(ctx) }
	}
	command := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program, the API server and Istio",
		Long: `Print the version of this program, and of what it finds in the cluster: the API
server, the revisions of istiod, and the versions in which the custom resources of
Istio and the Gateway API are served. What is older than what is tested is said.`,
		Example: example(`
			` + name + ` version

			# Without asking a cluster
			` + name + ` version --client`),
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := oneOf("output", options.output, "", "json"); err != nil {
				return err
			}
			return run(command.Context(), options)
		},
	}
	command.Flags().BoolVar(&options.clientOnly, "client", false, "Only this program's version; no cluster is asked")
	command.Flags().StringVarP(&options.output, "output", "o", "", "Format of the output: json (default: text for people)")
	return command
}

// run prints what is known: where the cluster does not answer, the client's version all the same.
func (o *versionOptions) run(ctx context.Context) error {
	versions := report.Versions{Client: clientVersion()}
	if o.clientOnly {
		return o.print(versions)
	}
	if o.clients.nowhere() {
		report.Printf(o.streams.Err, "note: there is no kubeconfig that says which cluster is meant, so none was asked\n")
		return o.print(versions)
	}
	server, failure := o.server(ctx)
	versions.Server = server
	if err := o.print(versions); err != nil {
		return err
	}
	return failure
}

func (o *versionOptions) server(ctx context.Context) (*report.ServerVersion, error) {
	client, err := o.clients.client()
	if err != nil {
		return nil, err
	}
	return load.Versions(ctx, client)
}

func (o *versionOptions) print(versions report.Versions) error {
	if o.output == "json" {
		return report.VersionsJSON(o.streams.Out, versions)
	}
	if versions.Server != nil {
		for _, warning := range versions.Server.Warnings {
			report.Printf(o.streams.Err, "warning: %s\n", warning)
		}
	}
	return report.VersionsText(o.streams.Out, versions)
}

// clientVersion is this program's, with what the Go toolchain has noted of the build.
func clientVersion() report.ClientVersion {
	client := report.ClientVersion{Version: programVersion(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return client
	}
	changed := false
	for _, setting := range build.Settings {
		switch setting.Key {
		case "vcs.revision":
			client.Commit = setting.Value[:min(len(setting.Value), 12)]
		case "vcs.modified":
			changed = setting.Value == "true"
		}
	}
	if client.Commit != "" && changed {
		client.Commit += "+"
	}
	return client
}
