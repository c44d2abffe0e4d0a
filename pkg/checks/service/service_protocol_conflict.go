package service

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var serviceProtocolConflict = &checks.Check{
	ID:     "GX307",
	Slug:   "service-protocol-conflict",
	Levels: []checks.Level{checks.Error, checks.Warning, checks.Info},
	Title:  "Two Service ports give one port of the pods two protocols",
	What: "Two ports, of one Service or of two that select the same pods, lead to the same target port, one of them exposed, and resolve to different protocols. It is " +
		"an error where gRPC calls meet HTTP/1.1, and advice where gRPC works all the same.",
	Why: "The pods' sidecar has one inbound listener for a port, made as the first Service port says: of two Services that of the older one, in one Service by the " +
		"order of the ports. Calls that come by the others are treated by the wrong protocol.",
	Client: "Depends on the two protocols: gRPC-Web calls are not translated, HTTP policies do not match, calls may fail with `UNAVAILABLE`.",
	Bad: example.GreeterWorkload + example.GreeterService + `---
apiVersion: v1
kind: Service
metadata: {name: greeter-web, namespace: demo, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  selector: {app: greeter}
  ports: [{name: grpc-web, port: 8080, targetPort: 50051}]
`,
	Good: example.GreeterWorkload + example.GreeterService + `---
apiVersion: v1
kind: Service
metadata: {name: greeter-web, namespace: demo, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  selector: {app: greeter}
  ports: [{name: grpc-internal, port: 8080, targetPort: 50051}]
`,
	Reads:    checks.ExposureReads,
	Consults: checks.ExposureConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		told := map[*core.ServicePort]bool{}
		for _, workload := range workload.Workloads(p.Snapshot) {
			byTarget := claimsByTarget(p, workload)
			for _, number := range slices.Sorted(maps.Keys(byTarget)) {
				reportProtocolConflict(p, workload, byTarget[number], told)
			}
		}
	},
}

// claim is a Service port that leads to a port of a workload.
type claim struct {
	service *core.Service
	index   int
	number  int32
	exposed *exposure.ExposedPort
}

func (c claim) port() *core.ServicePort { return &c.service.Spec.Ports[c.index] }

// claimsByTarget are the TCP ports of Services that lead to each port of a workload, the oldest Service first, as istiod orders
// them.
// Source: Istio pilot/pkg/model/push_context.go, SortServicesByCreationTime.
func claimsByTarget(p *checks.Pass, w *workload.Workload) map[int32][]claim {
	services := slices.Clone(workload.ServicesSelecting(p.Snapshot, w))
	slices.SortStableFunc(services, func(a, b *core.Service) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	claims := map[int32][]claim{}
	for _, service := range services {
		exposed := exposure.ExposedPortsOf(p.Snapshot, service)
		for i := range service.Spec.Ports {
			number, _, ok := workload.TargetPort(&service.Spec.Ports[i], w.Template)
			if !ok || service.Spec.Ports[i].Protocol != core.ProtocolTCP {
				continue
			}
			at := slices.IndexFunc(exposed, func(port *exposure.ExposedPort) bool { return port.Index == i })
			made := claim{service: service, index: i, number: number}
			if at >= 0 {
				made.exposed = exposed[at]
			}
			claims[number] = append(claims[number], made)
		}
	}
	return claims
}

// reportProtocolConflict tells of each younger Service port once, whatever the number of workloads behind it.
func reportProtocolConflict(p *checks.Pass, w *workload.Workload, claims []claim, told map[*core.ServicePort]bool) {
	oldest := claims[0]
	isExposed := func(c claim) bool { return c.exposed != nil }
	if !slices.ContainsFunc(claims, isExposed) {
		return
	}
	evidence := checks.EvidenceOf(claims[slices.IndexFunc(claims, isExposed)].exposed)
	for _, younger := range claims[1:] {
		first, second := workload.ServicePortProtocol(oldest.port()), workload.ServicePortProtocol(younger.port())
		if sameListener(first, second) || told[younger.port()] {
			continue
		}
		told[younger.port()] = true
		which, symptom := whoDecides(oldest, younger)
		level, meets := conflictLevel(oldest, younger)
		if meets != "" {
			symptom = meets
		}
		p.Report(checks.Finding{
			Object: younger.service, Level: level,
			Path: plan.PathOf("spec", "ports", younger.index),
			Message: fmt.Sprintf("Service %s says that port %d of %s is %s, and %s, says %s.",
				younger.service.Name, younger.number, w.Key, checks.ProtocolName(second), which, checks.ProtocolName(first)),
			Evidence: evidence,
			Symptom:  symptom,
			Fix:      checks.Fix{Text: fixText(oldest, younger)},
		})
	}
}

func fixText(oldest, younger claim) string {
	if oldest.service == younger.service {
		return fmt.Sprintf("Put port %d before port %d, or give both the protocol of the server.", younger.port().Port, oldest.port().Port)
	}
	return fmt.Sprintf("Give the ports of Services %s and %s the same protocol, or different targets.", oldest.service.Name, younger.service.Name)
}

// conflictLevel is how bad it is that one port decides for another, with what gRPC clients see where that does not depend on the order.
// Source: Istio's pilot/pkg/networking/core/listener_inbound.go (buildInboundChainConfigs), cluster_builder.go (buildInboundCluster).
func conflictLevel(first, second claim) (level checks.Level, symptom string) {
	deciding, other := workload.ServicePortProtocol(first.port()), workload.ServicePortProtocol(second.port())
	ordered := first.service == second.service || !first.service.CreationTimestamp.Equal(&second.service.CreationTimestamp)
	grpc := func(p workload.Protocol) bool { return p == workload.ProtocolGRPC || p == workload.ProtocolHTTP2 }
	bytes := func(p workload.Protocol) bool { return p == workload.ProtocolTCP }
	switch {
	case bytes(deciding) && grpc(other), grpc(deciding) && bytes(other):
		return checks.Info, "none: the bytes of the calls are passed on; policies for HTTP may not hold"
	case ordered && grpc(deciding) && other == workload.ProtocolHTTP:
		return checks.Info, "none for gRPC; calls in HTTP/1.1 by the other port meet a server that is called in HTTP/2"
	case ordered && deciding == workload.ProtocolHTTP && second.exposed != nil && grpc(other):
		if second.exposed.Routed {
			return checks.ErrorUnlessWeak(second.exposed), "UNAVAILABLE or INTERNAL: the sidecar sends HTTP/1.1 to the server"
		}
		return checks.Warning, "UNAVAILABLE or INTERNAL: the sidecar sends HTTP/1.1 to the server"
	default:
		return checks.Warning, ""
	}
}

// whoDecides names the Service that istiod heeds, with a clause that says why, and what that does to calls. Manifests do not say
// which will be the older.
func whoDecides(first, second claim) (which, symptom string) {
	const wrong = "are treated by the wrong protocol; they may get UNAVAILABLE"
	oldest, younger := first.service, second.service
	switch {
	case oldest == younger:
		return fmt.Sprintf("its port %d, which comes first and decides", first.port().Port), fmt.Sprintf("calls by way of port %d %s", second.port().Port, wrong)
	case oldest.CreationTimestamp.IsZero() || younger.CreationTimestamp.IsZero():
		return fmt.Sprintf("Service %s, which decides if it is the older", oldest.Name), "calls by way of the younger of the two Services " + wrong
	case oldest.CreationTimestamp.Equal(&younger.CreationTimestamp):
		return fmt.Sprintf("Service %s of the same age, which decides by its name", oldest.Name), "calls by way of Service " + younger.Name + " " + wrong
	default:
		return fmt.Sprintf("the older Service %s, which decides", oldest.Name), "calls by way of the younger Service " + wrong
	}
}

// sameListener reports whether a sidecar serves both protocols alike: gRPC is HTTP/2 to it.
func sameListener(a, b workload.Protocol) bool {
	plainHTTP2 := func(p workload.Protocol) bool { return p == workload.ProtocolGRPC || p == workload.ProtocolHTTP2 }
	return a == b || plainHTTP2(a) && plainHTTP2(b)
}
