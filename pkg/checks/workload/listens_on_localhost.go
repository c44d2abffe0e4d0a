package workload

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

var listensOnLocalhost = &checks.Check{
	ID:     "GX205",
	Slug:   "listens-on-localhost",
	Levels: []checks.Level{checks.Warning},
	Title:  "The server seems to listen on the loopback address only",
	What: "The command, the arguments or the environment of the container that serves an exposed port hold `127.0.0.1` or `localhost` " +
		"with that port.",
	Why: "Since Istio 1.10 the sidecar passes calls on to the pod's IP, not to the loopback address, and without a sidecar calls arrive " +
		"there as well. A server on 127.0.0.1 refuses them, unless the mesh config's `inboundTrafficPolicy` or a Sidecar resource's " +
		"`defaultEndpoint` leads the calls to the loopback address.",
	Client: "`UNAVAILABLE`: connection refused.",
	Bad: example.GreeterNamespace + `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: greeter, namespace: demo}
spec:
  replicas: 2
  selector: {matchLabels: {app: greeter}}
  template:
    metadata: {labels: {app: greeter}}
    spec:
      containers:
      - name: greeter
        image: registry.example.com/greeter:1.0
        args: [--listen=127.0.0.1:50051]
        ports: [{name: grpc, containerPort: 50051}]
        readinessProbe: {exec: {command: [/bin/health, localhost:50051]}}
` + example.GreeterService,
	Good: example.GreeterNamespace + `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: greeter, namespace: demo}
spec:
  replicas: 2
  selector: {matchLabels: {app: greeter}}
  template:
    metadata: {labels: {app: greeter}}
    spec:
      containers:
      - name: greeter
        image: registry.example.com/greeter:1.0
        args: [--listen=0.0.0.0:50051]
        ports: [{name: grpc, containerPort: 50051}]
        readinessProbe: {exec: {command: [/bin/health, localhost:50051]}}
` + example.GreeterService,
	Reads:    checks.ExposureReads,
	Consults: append([]mesh.Kind{mesh.KindSidecar}, checks.ExposureConsults...),
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for workload, ports := range exposure.EachWorkload(p.Snapshot) {
			for _, port := range ports {
				if reportListensOnLocalhost(p, workload, port) {
					break
				}
			}
		}
	},
}

func reportListensOnLocalhost(p *checks.Pass, w *workload.Workload, port *exposure.ExposedPort) bool {
	container, number := checks.ServingContainer(port.Port, w)
	if container == nil || !mentionsLoopback(container) || policy.ForwardsToLoopback(p.Snapshot, w, number) {
		return false
	}
	settings := settingsOf(container)
	if slices.ContainsFunc(settings, func(s setting) bool { return listensEverywhere(s.value, number) }) {
		return false
	}
	at := slices.IndexFunc(settings, func(s setting) bool { return s.listensOnLoopback(number) })
	if at < 0 {
		return false
	}
	p.Report(checks.Finding{
		Object: w.Object,
		Path:   checks.ContainerField(w, container, settings[at].field...),
		Message: fmt.Sprintf("Container %s of %s seems to listen on the loopback address only: %s is %q, and calls arrive at the pod's IP.",
			container.Name, w.Key, settings[at].name, settings[at].value),
		Evidence: checks.EvidenceOf(port),
		Symptom:  "UNAVAILABLE: connection refused",
		Fix:      checks.Fix{Text: fmt.Sprintf("Let the server listen on all addresses: 0.0.0.0:%d, or [::]:%d.", number, number)},
	})
	return true
}

// mentionsLoopback reports whether a loopback address stands somewhere in what a container is given; most have none, and are read no
// further.
func mentionsLoopback(container *core.Container) bool {
	loopback := func(text string) bool {
		return strings.Contains(text, "127.0.0.1") || strings.Contains(text, "localhost") || strings.Contains(text, "[::1]")
	}
	return slices.ContainsFunc(container.Command, loopback) || slices.ContainsFunc(container.Args, loopback) ||
		slices.ContainsFunc(container.Env, func(variable core.EnvVar) bool { return loopback(variable.Value) })
}

// setting is a text that a container is given.
type setting struct {
	field       []any
	name, value string
	// of is what the value may be of: the word before it, or the variable.
	of string
}

// settingsOf are the command, the arguments and the environment of a container. Calls to the server from within its own
// container (health probes in a shell command) are no settings of the server.
func settingsOf(container *core.Container) []setting {
	var settings []setting
	before := ""
	for i, word := range container.Command {
		settings = append(settings, setting{[]any{"command", i}, "a word of its command", word, before})
		before = word
	}
	for i, word := range container.Args {
		settings = append(settings, setting{[]any{"args", i}, "an argument", word, before})
		before = word
	}
	for i, variable := range container.Env {
		settings = append(settings, setting{[]any{"env", i, "value"}, "the variable " + variable.Name, variable.Value, variable.Name})
	}
	for i := range settings {
		settings[i].value = expand(settings[i].value, container.Env)
	}
	return slices.DeleteFunc(settings, func(s setting) bool { return clientTools.MatchString(s.value) })
}

// expand puts the values of variables in the place of $(NAME), as far as the container says them itself.
// Source: Kubernetes third_party/forked/golang/expansion/expand.go, Expand.
func expand(text string, variables []core.EnvVar) string {
	return variableReference.ReplaceAllStringFunc(text, func(reference string) string {
		name := strings.TrimSuffix(strings.TrimPrefix(reference, "$("), ")")
		at := slices.IndexFunc(variables, func(variable core.EnvVar) bool { return variable.Name == name && variable.ValueFrom == nil })
		if at < 0 || strings.HasPrefix(reference, "$$") {
			return reference
		}
		return variables[at].Value
	})
}

var (
	variableReference = regexp.MustCompile(`\$?\$\([^()]+\)`)

	clientTools = regexp.MustCompile(`grpc[_-]health[_-]probe|grpcurl|\b(?:curl|wget)\b`)
	// loopbackAddress is a loopback address with a port, without the scheme that makes it the address of something to call.
	loopbackAddress = regexp.MustCompile(`(?:^|[^A-Za-z0-9.:/-])(?:tcp://)?(?:127\.0\.0\.1|localhost|\[::1\]):(\d+)\b`)
	// loopbackURL is one with a scheme. It is something to listen on where its setting speaks of that: --listen-client-urls of etcd,
	// ASPNETCORE_URLS of .NET.
	loopbackURL   = regexp.MustCompile(`\b[a-z][a-z0-9+.]*://(?:127\.0\.0\.1|localhost|\[::1\]):(\d+)\b`)
	listeningWord = regexp.MustCompile(`(?i)listen|bind|urls\b|kestrel`)
	// anyAddress is all addresses, with a port: 0.0.0.0:50051, [::]:50051, *:50051, or nothing before the colon.
	anyAddress = regexp.MustCompile(`(?:^|[^A-Za-z0-9.\]])(?:0\.0\.0\.0|\[::\]|\*)?:(\d+)\b`)
)

func (s setting) listensOnLoopback(number int32) bool {
	return namesPort(loopbackAddress, s.value, number) ||
		namesPort(loopbackURL, s.value, number) && listeningWord.MatchString(s.of+" "+s.value)
}

func listensEverywhere(text string, number int32) bool { return namesPort(anyAddress, text, number) }

func namesPort(address *regexp.Regexp, text string, number int32) bool {
	if !strings.Contains(text, ":") {
		return false
	}
	return slices.ContainsFunc(address.FindAllStringSubmatch(text, -1), func(match []string) bool {
		return match[1] == fmt.Sprint(number)
	})
}
