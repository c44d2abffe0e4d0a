package plugin

import (
	"context"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// createFlags are the command's flags as they are typed.
type createFlags struct {
	grpcPorts       []string
	port            int32
	targetPort      string
	service         string
	portFix         string
	inject          string
	revision        string
	restart         string
	gatewaySelector string
	gatewayWorkload string
	gateway         string
	openGatewayPort bool
	hosts           []string
	grpcServices    []string
	tlsSecret       string
	tlsMutual       bool

	files     fileFlags
	write     writeFlags
	exitCode  bool
	printRBAC bool
	verify    bool
	strict    bool
}

// createOptions is what Run needs, checked and complete.
type createOptions struct {
	grpcPorts []mesh.GRPCPort
	streams   report.Streams
	clients   *factory

	intent    expose.Intent
	files     manifest.Sources
	write     execution.Options
	exitCode  bool
	printRBAC bool
	// verify says to make calls once all is done.
	verify bool
	// strict makes a warning on the path a bad answer.
	strict bool
	// command is the line that was typed, for "run it again".
	command string
}

func newCreateCommand(streams report.Streams, clients *factory, run func(context.Context, *createOptions) error) *cobra.Command {
	flags := &createFlags{}
	if run == nil {
		run = func(ctx context.Context, options *createOptions) error { return options.run(ctx) }
	}
	command := &cobra.Command{
		Use:        "create {TYPE/NAME | -f FILE}",
		SuggestFor: []string{"expose"},
		Short:      "Expose a gRPC workload at the mesh's gateway",
		Long: `Expose the gRPC port of a Deployment, StatefulSet or DaemonSet at the gateway of
an Istio mesh, so that each call, not each connection, is balanced over its pods.

It finds out what is missing and plans it: the namespace's injection label that
this mesh's injector selects, new pods where they predate it, a Service port that
Istio knows as gRPC, a Gateway with a listener, a VirtualService, and (with
--open-gateway-port) the port of the gateway's Service. Nothing is written before
permissions, conflicts and a server-side dry run of every change have passed.
Running it again changes nothing; "delete" restores what it changed.

Exits with 0 once the workload is exposed, whatever warnings are left (--strict: 1), with 1
if it is set up and not reached, with 2 if it could not be set up.

A route that is there for the same calls, and is broken, is named with what is wrong
instead of a second one beside it.

With -o yaml it prints what goes into a repository: the objects that it makes, and those
of the workload that it changes, without what the API server has put in.

With -f or -k no cluster is asked, and the complete manifests are printed; the name may
be left out where the files have one workload.`,
		Example: example(`
			# Show what would be done, and how the objects would change
			` + name + ` create deployment/server -n test --port 8000 --target-port 50051 --dry-run --diff

			# Do it
			` + name + ` create deployment/server -n test --port 8000 --target-port 50051

			# A host of its own, over TLS, with the certificate of a Secret beside the gateway's pods
			` + name + ` create deployment/server -n test --port 443 --host grpc.example.com --tls-secret grpc-cert

			# Two workloads on one host, told apart by their gRPC services
			` + name + ` create deployment/orders -n shop --grpc-service shop.v1.Orders

			# Manifests for a repository, without a cluster
			` + name + ` create -f server.yaml --port 8000 --target-port 50051 -o yaml`),
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

func (f *createFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.Int32Var(&f.port, "port", 0, "Port outside, at the gateway (default: the Service's port)")
	flags.StringVar(&f.targetPort, "target-port", "", "Number or name of the container port on which the gRPC server listens (default: what names and probes say)")
	flags.StringSliceVar(&f.grpcPorts, "grpc-port", nil, grpcPortUsage)
	flags.StringVar(&f.service, "service", "", "Service to use, or the name of a new one (default: the one that leads to the port, else the workload's name)")
	flags.StringVar(&f.portFix, "port-fix", "", "How a Service port is made gRPC: name or app-protocol (default: a new name, unless something refers to the old one)")
	flags.StringVar(&f.inject, "inject", string(expose.InjectNamespace), "Where the injection label goes: namespace, workload or none")
	flags.StringVar(&f.revision, "revision", "", "Revision or tag of the control plane whose proxies the pods get (default: the only one, or the default one)")
	flags.StringVar(&f.restart, "restart", string(remedy.RestartWorkload), "Whose pods are made anew where they lack a proxy: workload, namespace or none")
	flags.StringVar(&f.gatewaySelector, "gateway-selector", "", "Labels of the gateway's pods, as KEY=VALUE (default: the only gateway)")
	flags.StringVar(&f.gatewayWorkload, "gateway-workload", "", gatewayWorkloadUsage)
	flags.StringVar(&f.gateway, "gateway", "", "Existing Gateway to bind the route to, as NAMESPACE/NAME (default: one that fits, else a new one)")
	flags.BoolVar(&f.openGatewayPort, "open-gateway-port", false, "Add the port to the gateway's Service if it is not open there")
	flags.StringArrayVar(&f.hosts, "host", nil, `Host (authority) of the calls; may be repeated (default "*", any)`)
	flags.StringArrayVar(&f.grpcServices, "grpc-service", nil, "Route only the calls of this gRPC service, as package.Service; may be repeated")
	flags.StringVar(&f.tlsSecret, "tls-secret", "", "Secret with the certificate, in the namespace of the gateway's pods: the port takes TLS")
	flags.BoolVar(&f.tlsMutual, "tls-mutual", false, "With --tls-secret: demand a certificate of the client")
	flags.BoolVar(&f.exitCode, "exit-code", false, "With --dry-run: exit with 1 if there is something to change")
	flags.BoolVar(&f.verify, "verify", false, "Make real calls in the end, as the command verify does")
	flags.BoolVar(&f.strict, "strict", false, "Exit with 1 also if a warning is left on the path")
	flags.BoolVar(&f.printRBAC, "print-rbac", false, "Print the least Roles that create needs here, and exit")
	f.files.add(flags)
	f.write.add(flags)
}

// toOptions checks the flags; what it finds wrong names the flag and what would be right.
func (f *createFlags) toOptions(streams report.Streams, clients *factory, command *cobra.Command, arguments []string) (*createOptions, error) {
	files, err := f.files.toSources(streams)
	if err != nil {
		return nil, err
	}
	options := &createOptions{
		streams: streams, clients: clients, files: files,
		exitCode: f.exitCode, printRBAC: f.printRBAC, verify: f.verify, strict: f.strict, command: typedLine(command, arguments),
	}
	if options.grpcPorts, err = toGRPCPorts(f.grpcPorts); err != nil {
		return nil, err
	}
	if options.intent, err = f.toIntent(command, arguments, f.files.given()); err != nil {
		return nil, err
	}
	if options.intent.Namespace, err = clients.namespace(); err != nil {
		return nil, err
	}
	if options.write, err = f.write.toOptions(streams, f.files.given()); err != nil {
		return nil, err
	}
	if f.exitCode && options.write.DryRun == execution.DryRunNone {
		return nil, usage("--exit-code goes with --dry-run")
	}
	if f.verify && (options.write.DryRun != execution.DryRunNone || !options.write.Wait || options.write.Output != "" || f.files.given()) {
		return nil, usage("--verify calls what has been exposed: not with --dry-run, --wait=false, --output or -f")
	}
	return options, nil
}

func (f *createFlags) toIntent(command *cobra.Command, arguments []string, offline bool) (expose.Intent, error) {
	intent := expose.Intent{
		Service: f.service, PortFix: expose.PortFix(f.portFix), Inject: expose.Inject(f.inject), Restart: remedy.RestartScope(f.restart),
		Revision: f.revision, Gateway: f.gateway, GatewayWorkload: f.gatewayWorkload, OpenGatewayPort: f.openGatewayPort, Hosts: eachOnce(f.hosts), GRPCServices: eachOnce(f.grpcServices),
		TLSSecret: f.tlsSecret, TLSMutual: f.tlsMutual, Port: f.port, Offline: offline,
	}
	var err error
	if !offline || len(arguments) > 0 {
		if intent.Kind, intent.Name, err = workloadArgument(arguments); err != nil {
			return intent, err
		}
	}
	for _, check := range []error{
		portFlag(command, "port", int64(f.port)),
		targetPortFlag(f.targetPort),
		oneOf("port-fix", f.portFix, "", string(expose.PortFixName), string(expose.PortFixAppProtocol)),
		oneOf("inject", f.inject, string(expose.InjectNamespace), string(expose.InjectWorkload), string(expose.InjectNone)),
		oneOf("restart", f.restart, string(remedy.RestartWorkload), string(remedy.RestartNamespace), string(remedy.RestartNone)),
		serviceNameFlag(f.service),
		gatewayFlag(f.gateway),
		gatewayWorkloadFlag(f.gatewayWorkload),
		revisionFlag(f.revision),
		hostFlags(f.hosts),
		grpcServiceFlags(f.grpcServices),
		tlsFlags(f.tlsSecret, f.tlsMutual),
	} {
		if check != nil {
			return intent, check
		}
	}
	if f.targetPort != "" {
		intent.TargetPort = intstr.Parse(f.targetPort)
	}
	if f.gatewaySelector != "" {
		if intent.GatewaySelector, err = labels.ConvertSelectorToLabelsMap(f.gatewaySelector); err != nil {
			return intent, usage("--gateway-selector=%s: must be labels as KEY=VALUE, separated by commas", f.gatewaySelector)
		}
	}
	return intent, nil
}
