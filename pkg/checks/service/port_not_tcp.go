package service

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var portNotTCP = &checks.Check{
	ID:     "GX309",
	Slug:   "port-not-tcp",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The Service port of a gRPC server is not TCP",
	What:   "An exposed port has `protocol: UDP` or `SCTP`.",
	Why: "gRPC runs over HTTP/2, and that over TCP. Istio's proxies have no UDP ports at all, so that the route leads to a cluster that does " +
		"not exist. An SCTP port has a cluster, and proxies call the pods over TCP all the same; but the Service's address takes no TCP, and a " +
		"named `targetPort` finds only SCTP ports of the pods.",
	Client: "`UNAVAILABLE`; with SCTP at least for callers without a proxy.",
	Bad: example.GreeterWorkload + `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  selector: {app: greeter}
  ports: [{name: grpc, port: 8000, protocol: UDP, targetPort: 50051}]
` + example.GreeterRoute,
	Good:     example.GreeterWorkload + example.GreeterService + example.GreeterRoute,
	Reads:    checks.ExposureReads,
	Consults: append(slices.Clone(checks.PortFixConsults), checks.ExposureConsults...),
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, port := range exposure.ExposedPorts(p.Snapshot) {
			if port.Port.Protocol != core.ProtocolTCP {
				p.Report(checks.Finding{
					Level:    checks.ErrorUnlessWeak(port),
					Object:   port.Service,
					Path:     checks.PortField(port, "protocol"),
					Message:  fmt.Sprintf("%s of Service %s has protocol %s, and gRPC needs TCP.", checks.UpperFirst(checks.PortText(port)), port.Service.Name, port.Port.Protocol),
					Evidence: checks.EvidenceOf(port),
					Symptom:  transportSymptom(port),
					Fix:      toTCP(p, port),
				})
			}
		}
	},
}

// transportSymptom is what a client sees. Istio knows UDP apart from all other transports, and takes the rest for what their names
// say; the endpoints of an SCTP port are the pods that have it, and its proxies call them over TCP.
// Source: Istio pkg/config/kube/conversion.go (ConvertProtocol), pilot/pkg/networking/core/cluster.go (buildOutboundClusters) and
// pilot/pkg/serviceregistry/kube/controller/endpointslice.go (updateEndpointCacheForSlice).
func transportSymptom(port *exposure.ExposedPort) string {
	switch {
	case port.Port.Protocol == core.ProtocolUDP:
		return "UNAVAILABLE: Istio has no such port"
	case port.Port.TargetPort.Type == intstr.String && len(port.Workloads) > 0 && !slices.ContainsFunc(port.Workloads, func(w *workload.Workload) bool {
		_, _, ok := workload.TargetPort(port.Port, w.Template)
		return ok
	}):
		return fmt.Sprintf("UNAVAILABLE: the Service has no endpoints, because no container has an SCTP port named %s", port.Port.TargetPort.StrVal)
	default:
		return "UNAVAILABLE for callers without a proxy, because the Service's address takes no TCP; proxies call the pods over TCP and arrive"
	}
}

// toTCP changes the transport, and what else keeps Istio from taking the port for gRPC. The API server tells the ports of a Service
// apart by the transport, so the port is named by its place.
func toTCP(p *checks.Pass, port *exposure.ExposedPort) checks.Fix {
	text, fields := "Set protocol: TCP", map[string]any{"protocol": "TCP"}
	overTCP := *port.Port
	overTCP.Protocol = core.ProtocolTCP
	if !workload.ServicePortProtocol(&overTCP).IsHTTP2() {
		named := workload.GRPCPortFix(p.Snapshot, port.Service, port.Port)
		text, fields[named.Field] = fmt.Sprintf("%s and %s: %s", text, named.Field, named.Value), named.Value
	}
	fix := checks.Fix{Text: fmt.Sprintf("%s on %s of Service %s.", text, checks.PortText(port), port.Service.Name), Level: checks.Safe}
	if !transportInUse(port) {
		fix.Changes = checks.Update(p, port.Service, "gRPC needs TCP", func(form *unstructured.Unstructured) []plan.Edit {
			var edits []plan.Edit
			for _, field := range slices.Sorted(maps.Keys(fields)) {
				edits = append(edits, plan.Set(form, fields[field], "spec", "ports", strconv.Itoa(port.Index), field))
			}
			return edits
		})
	}
	return fix
}

// transportInUse reports whether the port's own transport is in use: a container declares the target with it, or the Service has a TCP
// port of the same number already.
func transportInUse(port *exposure.ExposedPort) bool {
	for _, other := range port.Service.Spec.Ports {
		if other.Port == port.Port.Port && other.Protocol == core.ProtocolTCP {
			return true
		}
	}
	for _, w := range port.Workloads {
		if _, container, _ := workload.TargetPort(port.Port, w.Template); container != nil {
			return true
		}
	}
	return false
}
