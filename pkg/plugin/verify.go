package plugin

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/exitcode"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/verify"
)

// verifyFlags are the command's flags as they are typed.
type verifyFlags struct {
	address     string
	gateway     string
	requests    int
	concurrency int
	rate        float64
	timeout     time.Duration
	compare     bool

	call        string
	data        string
	protoFiles  []string
	importPaths []string

	tls       bool
	tlsFiles  traffic.TLSOptions
	authority string
	headers   []string
	output    string
}

// verifyOptions is what Run needs, checked and complete.
type verifyOptions struct {
	streams report.Streams
	clients *factory

	workload mesh.Key
	trial    verify.Trial
	output   string
}

func newVerifyCommand(streams report.Streams, clients *factory, run func(context.Context, *verifyOptions) error) *cobra.Command {
	flags := &verifyFlags{}
	if run == nil {
		run = func(ctx context.Context, options *verifyOptions) error { return options.run(ctx) }
	}
	command := &cobra.Command{
		Use:   "verify TYPE/NAME",
		Short: "Make real gRPC calls to a workload and show which pods answer",
		Long: `Make real gRPC calls over one connection, and show which pods answered them.

The calls go where status shows the way: to the gateway's address, or where none can
be reached from here, through a port-forward to a gateway's pod. They are calls of the health service,
else of server reflection, else what --call says. Who answered is read from the
gateway's own counters, through a port-forward; where that is not allowed, from those
of the pods' proxies.

Only the gateway on which the workload is exposed is called and asked: that of the
Gateway's namespace or of the mesh's root namespace, or --gateway-workload. A --header is
sent with the method that --call names, never with a probe. One that looks like a
credential is not sent in plaintext, except through a port-forward to that gateway, to a
loopback --address, or if you say --tls=false.

Exits with 1 if calls fail, or if their spread over the ready pods is no accident.`,
		Example: example(`
			# 200 calls
			` + name + ` verify deployment/server -n test

			# The same calls straight to a pod of the Service too, to see the difference
			` + name + ` verify deployment/server -n test --compare

			# A method of your own, through the server's reflection
			` + name + ` verify deployment/orders -n shop --call shop.v1.Orders/Get -d '{"id": "1"}'

			# Over TLS, with the authority of a route
			` + name + ` verify deployment/server -n test --cacert ca.crt --authority grpc.example.com`),
		RunE: func(command *cobra.Command, arguments []string) error {
			options, err := flags.toOptions(streams, clients, command, arguments)
			if err != nil {
				return err
			}
			return run(command.Context(), options)
		},
	}
	flags.add(command)
	return command
}

func (f *verifyFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.address, "address", "", "Where to call, as HOST:PORT (default: the gateway's address)")
	flags.StringVar(&f.gateway, "gateway-workload", "", "Workload of the gateway's pods, as NAMESPACE/NAME (default: the one on which the Gateway is)")
	flags.IntVar(&f.requests, "requests", verify.DefaultTrial.Run.Requests, "How many calls to make")
	flags.IntVar(&f.concurrency, "concurrency", verify.DefaultTrial.Run.Concurrency, "How many calls are under way at the same time")
	flags.Float64Var(&f.rate, "rate", 0, "How many calls to begin in a second at most (0: no limit)")
	flags.DurationVar(&f.timeout, "timeout", verify.DefaultTrial.Timeout, "How long to go on in all")
	flags.BoolVar(&f.compare, "compare", false, "Make the same calls over a connection to the Service too, past the gateway")
	flags.StringVar(&f.call, "call", "", "Method to call, as package.Service/Method (default: health, else reflection)")
	flags.StringVarP(&f.data, "data", "d", "", "With --call: the request as JSON")
	flags.StringArrayVar(&f.protoFiles, "proto", nil, "With --call: .proto file that describes the method; may be repeated (default: reflection)")
	flags.StringArrayVar(&f.importPaths, "import-path", nil, "With --proto: directory in which files and imports are found, and which they do not leave; may be repeated (default: the current one, for imports)")
	flags.BoolVar(&f.tls, "tls", false, "Speak TLS (default: as the gateway's server does)")
	flags.BoolVar(&f.tlsFiles.InsecureSkipVerify, "insecure-skip-verify", false, "Believe any certificate")
	flags.StringVar(&f.tlsFiles.CACertificate, "cacert", "", "PEM file of the authorities to believe (default: the system's)")
	flags.StringVar(&f.tlsFiles.Certificate, "cert", "", "PEM file of the client's certificate")
	flags.StringVar(&f.tlsFiles.Key, "key", "", "PEM file of the client's key")
	flags.StringVar(&f.authority, "authority", "", "The :authority of the calls (default: one that the route takes)")
	flags.StringArrayVar(&f.headers, "header", nil, "With --call: header of the calls, as 'NAME: VALUE'; may be repeated")
	flags.StringVarP(&f.output, "output", "o", "", "Format of the output: json (default: text for people)")
}

func (f *verifyFlags) toOptions(streams report.Streams, clients *factory, command *cobra.Command, arguments []string) (*verifyOptions, error) {
	kind, workload, err := workloadArgument(arguments)
	if err != nil {
		return nil, err
	}
	if err := oneOf("output", f.output, "", "json"); err != nil {
		return nil, err
	}
	options := &verifyOptions{streams: streams, clients: clients, output: f.output}
	if options.trial, err = f.toTrial(command.Context(), command.Flags().Changed("tls")); err != nil {
		return nil, err
	}
	namespace, err := clients.namespace()
	if err != nil {
		return nil, err
	}
	options.workload = mesh.Key{Kind: kind, Namespace: namespace, Name: workload}
	return options, nil
}

func (o *verifyOptions) run(ctx context.Context) error {
	client, err := o.clients.client()
	if err != nil {
		return err
	}
	loaded, err := load.FromCluster(ctx, client, review.ForPath(o.workload.Namespace))
	if err != nil {
		return err
	}
	workload, err := expose.FindWorkload(loaded.Snapshot, o.workload.Kind, o.workload.Namespace, o.workload.Name)
	if err != nil {
		return review.WithGaps(err, loaded, "lint")
	}
	return o.verify(ctx, client, loaded.Snapshot, workload)
}

// verify makes the trial and prints what it has shown. Its error is exitcode.ErrBadAnswer where that is bad.
func (o *verifyOptions) verify(ctx context.Context, client *cluster.Client, snapshot *mesh.Snapshot, workload *workload.Workload) error {
	shown, err := verify.Run(ctx, o.streams, client, snapshot, workload, o.trial)
	switch {
	case err != nil:
		return err
	case o.output == "json":
		err = report.VerificationJSON(o.streams.Out, shown)
	default:
		err = report.VerificationText(o.streams.Out, shown, o.streams.OutColour)
	}
	if err == nil && !shown.Good() {
		return exitcode.ErrBadAnswer
	}
	return err
}
