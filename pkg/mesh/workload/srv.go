package workload

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// srvName is the DNS name of a Service's port, from the port's name to the Service's: _grpc._tcp.catalog.
// Source: Kubernetes' DNS specification, "SRV Records".
var srvName = regexp.MustCompile(`_([a-z0-9-]+)\._(?:tcp|udp|sctp)\.([a-z0-9-]+)(?:\.([a-z0-9-]+))?`)

type srvNamesMemory struct{}

// srvReference is a port that is looked up by name; the namespace is empty where the name does not say it.
type srvReference struct{ port, service, namespace string }

// workloadsNaming are the workloads that look up the port by its SRV record.
func workloadsNaming(s *mesh.Snapshot, service *core.Service, portName string) []string {
	named := srvReferences(s)
	var references []string
	for _, workload := range named[srvReference{portName, service.Name, ""}] {
		if workload.Namespace() == service.Namespace {
			references = append(references, fmt.Sprintf("%s looks up its SRV record", workload.Key))
		}
	}
	for _, workload := range named[srvReference{portName, service.Name, service.Namespace}] {
		references = append(references, fmt.Sprintf("%s looks up its SRV record", workload.Key))
	}
	return references
}

func srvReferences(s *mesh.Snapshot) map[srvReference][]*Workload {
	workloads(s)
	return mesh.Remember(s, srvNamesMemory{}, func() map[srvReference][]*Workload {
		references := map[srvReference][]*Workload{}
		for _, workload := range Workloads(s) {
			for _, container := range ServingContainers(&workload.Template.Spec) {
				for _, text := range containerTexts(container) {
					for _, match := range srvName.FindAllStringSubmatch(text, -1) {
						at := srvReference{match[1], match[2], match[3]}
						if !slices.Contains(references[at], workload) {
							references[at] = append(references[at], workload)
						}
					}
				}
			}
		}
		return references
	})
}

// containerTexts are the command, the arguments and the values of the environment of a container that may hold an SRV name.
func containerTexts(container *core.Container) []string {
	texts := slices.Concat(container.Command, container.Args)
	for _, variable := range container.Env {
		texts = append(texts, variable.Value)
	}
	return slices.DeleteFunc(texts, func(text string) bool { return !strings.Contains(text, "._") })
}
