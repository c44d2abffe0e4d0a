package plugin

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	clientcmd "k8s.io/client-go/tools/clientcmd/api"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// workload completes one workload, as TYPE/NAME or as TYPE NAME.
func (c *completer) workload(command *cobra.Command, arguments []string, typed string) []cobra.Completion {
	switch len(arguments) {
	case 0:
		return c.workloads(command, nil, typed)
	case 1:
		return c.namesOf(command, arguments[0])
	default:
		return nil
	}
}

// workloads completes TYPE/NAME.
func (c *completer) workloads(command *cobra.Command, _ []string, typed string) []cobra.Completion {
	kinds := workloadOrder
	if word, _, ok := strings.Cut(typed, "/"); ok {
		kinds = []mesh.Kind{workloadKinds[strings.ToLower(word)]}
		if kinds[0] == "" {
			return nil
		}
	}
	var candidates []cobra.Completion
	for _, workload := range workload.Workloads(c.inNamespace(command, kinds...)) {
		candidate := workload.Key.Argument()
		if typedWord, _, ok := strings.Cut(typed, "/"); ok {
			candidate = typedWord + "/" + workload.Name()
		}
		candidates = append(candidates, candidate)
	}
	return candidates
}

// namesOf completes the NAME behind a TYPE.
func (c *completer) namesOf(command *cobra.Command, word string) []cobra.Completion {
	kind, ok := workloadKinds[strings.ToLower(word)]
	if !ok {
		return nil
	}
	var candidates []cobra.Completion
	for _, workload := range workload.Workloads(c.inNamespace(command, kind)) {
		candidates = append(candidates, workload.Name())
	}
	return candidates
}

// workloadOrder are the kinds of workload.
var workloadOrder = []mesh.Kind{mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet}

// inNamespace reads kinds in the namespace of -n or the context.
func (c *completer) inNamespace(command *cobra.Command, kinds ...mesh.Kind) *mesh.Snapshot {
	namespace, err := c.clients.namespace()
	if err != nil {
		return mesh.New(nil, mesh.Options{})
	}
	wanted := map[mesh.Kind][]string{}
	for _, kind := range kinds {
		wanted[kind] = []string{namespace}
	}
	return c.load(command.Context(), wanted)
}

func (c *completer) everywhere(command *cobra.Command, kinds ...mesh.Kind) *mesh.Snapshot {
	wanted := map[mesh.Kind][]string{}
	for _, kind := range kinds {
		wanted[kind] = nil
	}
	return c.load(command.Context(), wanted)
}

func (c *completer) namespaces(command *cobra.Command, _ []string, _ string) []cobra.Completion {
	var candidates []cobra.Completion
	for _, namespace := range c.everywhere(command, mesh.KindNamespace).Namespaces().All() {
		candidates = append(candidates, namespace.Name)
	}
	return candidates
}

func (c *completer) services(command *cobra.Command, _ []string, _ string) []cobra.Completion {
	var candidates []cobra.Completion
	for _, service := range c.inNamespace(command, mesh.KindService).Services().All() {
		candidates = append(candidates, service.Name)
	}
	return candidates
}

func (c *completer) gateways(command *cobra.Command, _ []string, _ string) []cobra.Completion {
	var candidates []cobra.Completion
	for _, gateway := range c.everywhere(command, mesh.KindGateway).Gateways().All() {
		candidates = append(candidates, gateway.Namespace+"/"+gateway.Name)
	}
	return candidates
}

// gatewayWorkloads are the ingress gateways by namespace and name.
func (c *completer) gatewayWorkloads(command *cobra.Command, _ []string, _ string) []cobra.Completion {
	gateways := proxy.GatewayWorkloads(c.everywhere(command, workloadOrder...))
	var candidates []cobra.Completion
	for _, gateway := range gateways {
		candidates = append(candidates, expose.GatewayWorkloadName(gateway, gateways))
	}
	return candidates
}

// gatewaySelectors are labels of the ingress gateways' pods.
func (c *completer) gatewaySelectors(command *cobra.Command, _ []string, _ string) []cobra.Completion {
	var candidates []cobra.Completion
	for _, selector := range expose.GatewaySelectors(c.everywhere(command, workloadOrder...)) {
		candidates = append(candidates, selector.Labels.String()+"\t"+selector.Workload.String())
	}
	return candidates
}

// revisions are those of the injectors, and the tags that lead to them.
func (c *completer) revisions(command *cobra.Command, _ []string, _ string) []cobra.Completion {
	var candidates []cobra.Completion
	for _, plane := range proxy.ControlPlanes(c.everywhere(command, mesh.KindWebhook)) {
		candidates = append(candidates, plane.Revision)
		for _, tag := range plane.Tags {
			candidates = append(candidates, tag+"\ttag of revision "+plane.Revision)
		}
	}
	return candidates
}

// containerPorts are those of the workload that stands before the flag, by number and by name.
func (c *completer) containerPorts(command *cobra.Command, arguments []string, _ string) []cobra.Completion {
	kind, name, err := workloadArgument(arguments)
	if err != nil {
		return nil
	}
	kinds := workloadOrder
	if kind != "" {
		kinds = []mesh.Kind{kind}
	}
	var candidates []cobra.Completion
	for _, workload := range workload.Workloads(c.inNamespace(command, kinds...)) {
		if workload.Name() != name {
			continue
		}
		for _, container := range workload.Template.Spec.Containers {
			for _, port := range container.Ports {
				number := strconv.Itoa(int(port.ContainerPort))
				candidates = append(candidates, number+"\tof container "+container.Name)
				if port.Name != "" {
					candidates = append(candidates, fmt.Sprintf("%s\t%s of container %s", port.Name, number, container.Name))
				}
			}
		}
	}
	return candidates
}

func (c *completer) contexts(*cobra.Command, []string, string) []cobra.Completion {
	return slices.Sorted(maps.Keys(c.kubeconfig().Contexts))
}

func (c *completer) clusters(*cobra.Command, []string, string) []cobra.Completion {
	return slices.Sorted(maps.Keys(c.kubeconfig().Clusters))
}

func (c *completer) users(*cobra.Command, []string, string) []cobra.Completion {
	return slices.Sorted(maps.Keys(c.kubeconfig().AuthInfos))
}

// kubeconfig is empty where it cannot be read.
func (c *completer) kubeconfig() clientcmd.Config {
	config, err := c.clients.connection.loader().RawConfig()
	if err != nil {
		return *clientcmd.NewConfig()
	}
	return config
}
