package checks

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Naming is an exposed port that a workload's configuration names, and the words in which it does.
type Naming struct {
	Port *exposure.ExposedPort
	Text string
	// Scheme is what stands before the name, as "dns" of "dns:///orders:8000"; empty for nothing.
	Scheme string
}

// address is a host name in a text, perhaps with a scheme before it and a port behind it.
var address = regexp.MustCompile(`(?:([a-z][a-z0-9+.-]*):///?)?([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::([0-9]+))?`)

// portOfScheme is the port of a URL that names none.
var portOfScheme = map[string]int64{"http": 80, "https": 443}

type namingMemory mesh.Key

// ServicesNamed are the exposed ports that a workload calls, as far as its command lines and environment say.
func ServicesNamed(p *Pass, w *workload.Workload) []Naming {
	return mesh.Remember(p.Snapshot, namingMemory(w.Key), func() []Naming { return findNamed(p, w) })
}

func findNamed(p *Pass, w *workload.Workload) []Naming {
	var named []Naming
	for _, text := range configurationTexts(w.Template) {
		setting, value, _ := strings.Cut(text, "=")
		for _, found := range address.FindAllStringSubmatch(text, -1) {
			scheme, host, number := found[1], found[2], found[3]
			word := host
			if number != "" {
				word += ":" + number
			}
			port, _ := strconv.ParseInt(number, 10, 32)
			isAddress := port != 0 || scheme != "" || word == value && namesAddress(setting)
			if number == "" {
				port = portOfScheme[scheme]
			}
			if service := serviceCalled(p, host, w.Namespace(), isAddress); service != nil {
				for _, exposed := range exposure.ExposedPortsOf(p.Snapshot, service) {
					if port == 0 || int32(port) == exposed.Port.Port {
						named = append(named, Naming{exposed, word, scheme})
						break
					}
				}
			}
		}
	}
	return named
}

// serviceCalled is the Service that a pod of the namespace reaches under a name, in any of the forms that the cluster's DNS
// resolves. A bare word counts only where it is surely an address.
func serviceCalled(p *Pass, host, namespace string, isAddress bool) *core.Service {
	name, rest, qualified := strings.Cut(host, ".")
	if qualified {
		namespace, rest, _ = strings.Cut(rest, ".")
		if rest != "" && rest != "svc" && rest != "svc.cluster" && rest != "svc.cluster.local" {
			return nil
		}
	} else if !isAddress {
		return nil
	}
	service, _ := p.Services().Get(namespace, name)
	return service
}

// addressWords are the last words of names of settings that hold an address, whose port may be another setting.
var addressWords = []string{"host", "hostname", "addr", "address", "server", "endpoint", "target", "url", "uri", "upstream", "backend"}

// namesAddress says so of the name of an environment variable or a flag: LEDGER_HOST, --ledger-host.
func namesAddress(setting string) bool {
	words := strings.FieldsFunc(strings.ToLower(setting), func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	return len(words) > 0 && slices.Contains(addressWords, words[len(words)-1])
}

// configurationTexts are the command lines and the environment (as NAME=value) of a template's containers.
func configurationTexts(template *core.PodTemplateSpec) []string {
	var texts []string
	for _, container := range template.Spec.Containers {
		texts = append(append(texts, container.Command...), container.Args...)
		for _, variable := range container.Env {
			texts = append(texts, variable.Name+"="+variable.Value)
		}
	}
	return texts
}
