package route

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var destinationPortInvalid = &checks.Check{
	ID:     "GX504",
	Slug:   "destination-port-invalid",
	Levels: []checks.Level{checks.Error, checks.Warning, checks.Info},
	Title:  "A route leads to a port that the Service does not have",
	What: "Finds route destinations with a port number that is not one of the Service's, and destinations without a number on a " +
		"Service with several ports. The number is that of the Service's `port`, not of its `targetPort`.",
	Why: "istiod names the cluster after the number, whether there is such a port or not. Where a Service has several ports and the " +
		"route names none, a gateway takes the number of its own server's port, which only by chance is one of the Service's.",
	Client: "UNAVAILABLE where the Service has no such port; UNKNOWN or UNAVAILABLE where the number is that of another port, which does " +
		"not speak gRPC.",
	Bad: example.RoutedServer + example.RoutingGateway +
		example.RouteWith(`  - route: [{destination: {host: orders, port: {number: 50051}}}]
`),
	Good: example.RoutedServer + example.RoutingGateway +
		example.RouteWith(`  - route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Reads:    append(slices.Clone(checks.RouteReads), mesh.KindServiceEntry),
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		eachRoute(p, func(rule *host.HTTPRule) {
			of := p.RuleRelevance(rule)
			if !p.InScope(of) {
				return
			}
			for _, destination := range host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace) {
				ports := checks.DestinationPorts(p, destination)
				switch {
				case len(ports) == 0: // GX503 and GX306 speak of hosts without ports
				case destination.Port != 0 && !slices.Contains(ports, destination.Port):
					reportWrongPort(p, rule, destination, of, ports)
				case destination.Port == 0:
					reportNoPort(p, rule, destination, of)
				}
			}
		})
	},
}

func portFinding(rule *host.HTTPRule, destination host.Destination) checks.Finding {
	return checks.Finding{
		Object: rule.Holder,
		Path:   httpField(rule.Index, "route", destination.Index, "destination", "port"),
	}
}

func reportWrongPort(p *checks.Pass, rule *host.HTTPRule, destination host.Destination, of checks.Relevance, ports []int32) {
	finding := portFinding(rule, destination)
	finding.Level = p.LevelFor(of, checks.Error)
	finding.Message = fmt.Sprintf("%s leads to port %d of %s, which has no such port.",
		ruleText(rule.Holder, rule.Index), destination.Port, destination.Host)
	if alias := host.ServiceByHost(p.Snapshot, destination.Host); alias != destination.Service {
		finding.Message = fmt.Sprintf("%s leads to port %d of %s, which is another name for %s, and that has no such port.",
			ruleText(rule.Holder, rule.Index), destination.Port, mesh.KeyOf(alias), mesh.KeyOf(destination.Service))
	}
	finding.Evidence = []string{"its ports are " + numbersText(ports)}
	finding.Symptom = noClusterSymptom(rule)
	finding.Fix = portNumberFix(p, rule, destination)
	if service := destination.Service; service != nil {
		for _, port := range service.Spec.Ports {
			if port.TargetPort.IntVal == destination.Port {
				finding.Evidence = append(finding.Evidence, fmt.Sprintf("%d is the targetPort of port %d", destination.Port, port.Port))
			}
		}
	}
	p.Report(finding)
}

// reportNoPort judges a destination without a number, of a Service with several ports: a gateway takes the number of its server.
func reportNoPort(p *checks.Pass, rule *host.HTTPRule, destination host.Destination, of checks.Relevance) {
	exposed, all := gRPCPorts(p, destination), checks.DestinationPorts(p, destination)
	var right, wrong, absent []string
	for _, on := range whereListening(p, rule.Root).forRule(rule) {
		number := int32(on.number)
		clause := fmt.Sprintf("the server of Gateway %s has number %d", on.gateway, number)
		switch {
		case slices.Contains(exposed, number):
			right = append(right, clause+", which happens to be that of the gRPC port")
		case slices.Contains(all, number):
			wrong = append(wrong, clause+", which is another of its ports")
		default:
			absent = append(absent, clause+", which is none of its ports")
		}
	}
	finding := portFinding(rule, destination)
	finding.Evidence = slices.Concat(absent, wrong, right)
	finding.Message = fmt.Sprintf("%s names no port of %s, which has several; the gateway takes the number of its own server.",
		ruleText(rule.Holder, rule.Index), destination.Host)
	finding.Fix = portNumberFix(p, rule, destination)
	switch {
	case len(absent) > 0:
		finding.Level, finding.Symptom = p.LevelFor(of, checks.Error), symptomNoCluster
	case len(wrong) > 0:
		finding.Level, finding.Symptom = p.LevelFor(of, checks.Error), "UNKNOWN or UNAVAILABLE: the calls reach a port that does not speak gRPC"
	case len(right) > 0:
		finding.Level, finding.Symptom = checks.Info, "none, as long as the two numbers are the same"
	default:
		return
	}
	p.Report(finding)
}

// gRPCPorts are the numbers of the exposed ports, or of those that the ServiceEntries with the host declare as gRPC.
func gRPCPorts(p *checks.Pass, destination host.Destination) []int32 {
	var numbers []int32
	if destination.Service != nil {
		for _, exposed := range exposure.ExposedPortsOf(p.Snapshot, destination.Service) {
			numbers = append(numbers, exposed.Port.Port)
		}
		return numbers
	}
	for _, entry := range host.ServiceEntriesByHost(p.Snapshot, destination.Host) {
		for _, port := range entry.Spec.Ports {
			if workload.ParseProtocol(port.GetProtocol()).IsGRPC() {
				numbers = append(numbers, int32(port.GetNumber()))
			}
		}
	}
	return numbers
}

// portNumberFix writes the number of the exposed port; safe if there is only one.
func portNumberFix(p *checks.Pass, rule *host.HTTPRule, destination host.Destination) checks.Fix {
	numbers := gRPCPorts(p, destination)
	if len(numbers) != 1 {
		return checks.Fix{Text: "Name the port that serves gRPC: one of " + numbersText(checks.DestinationPorts(p, destination)) + "."}
	}
	number, level := numbers[0], checks.Safe
	if service := destination.Service; service != nil && exposure.ExposedPortsOf(p.Snapshot, service)[0].Weak() {
		level = checks.Ask
	}
	if alias := host.ServiceByHost(p.Snapshot, destination.Host); alias != destination.Service {
		return realDestinationFix(p, rule, destination, number, level)
	}
	return checks.Fix{
		Text:     fmt.Sprintf("Name port %d.", number),
		Level:    level,
		OnWordOf: wordOf(p, destination),
		Changes: checks.SetField(p, rule.Holder, fmt.Sprintf("port %d is the gRPC port of %s", number, destination.Host), int64(number),
			"spec", "http", fmt.Sprint(rule.Index), "route", fmt.Sprint(destination.Index), "destination", "port", "number"),
	}
}

// realDestinationFix leads the route to the Service that an ExternalName Service stands for, and to its port.
func realDestinationFix(p *checks.Pass, rule *host.HTTPRule, destination host.Destination, number int32, level checks.FixLevel) checks.Fix {
	host := host.ServiceHost(destination.Service)
	steps := []string{"spec", "http", fmt.Sprint(rule.Index), "route", fmt.Sprint(destination.Index), "destination"}
	changes := checks.Update(p, rule.Holder, fmt.Sprintf("%s is only another name for it", destination.Host), func(form *unstructured.Unstructured) []plan.Edit {
		return []plan.Edit{
			plan.Set(form, host, append(slices.Clone(steps), "host")...),
			plan.Set(form, int64(number), append(slices.Clone(steps), "port", "number")...),
		}
	})
	return checks.Fix{Text: fmt.Sprintf("Lead the route to %s itself, port %d.", host, number), Level: level, Changes: changes, OnWordOf: wordOf(p, destination)}
}

// wordOf are the objects that say which port of a destination is gRPC.
func wordOf(p *checks.Pass, destination host.Destination) (keys []mesh.Key) {
	if destination.Service != nil {
		return checks.OnWordOf(exposure.ExposedPortsOf(p.Snapshot, destination.Service)...)
	}
	for _, entry := range host.ServiceEntriesByHost(p.Snapshot, destination.Host) {
		keys = append(keys, mesh.KeyOf(entry))
	}
	return keys
}

func numbersText(numbers []int32) string {
	texts := make([]string, 0, len(numbers))
	for _, number := range numbers {
		texts = append(texts, fmt.Sprint(number))
	}
	return strings.Join(texts, ", ")
}
