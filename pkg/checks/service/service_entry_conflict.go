package service

import (
	"fmt"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var serviceEntryConflict = &checks.Check{
	ID:     "GX310",
	Slug:   "service-entry-conflict",
	Levels: []checks.Level{checks.Warning},
	Title:  "A ServiceEntry claims the Service's host with another protocol",
	What:   "A ServiceEntry has the full name of a Service with an exposed port among its hosts, and another protocol on that port.",
	Why: "Two definitions of one host and port contradict each other. At a gateway the Kubernetes Service wins; the entry misleads those who " +
		"read it, and whatever else reads it.",
	Client: "Nothing at a gateway.",
	Bad: example.GreeterWorkload + example.GreeterService + `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: greeter-legacy, namespace: demo}
spec:
  hosts: [greeter.demo.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 192.0.2.10}]
`,
	Good: example.GreeterWorkload + example.GreeterService + `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: greeter-legacy, namespace: demo}
spec:
  hosts: [greeter-legacy.example.net]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 192.0.2.10}]
`,
	Reads:    append([]mesh.Kind{mesh.KindServiceEntry}, checks.ExposureReads...),
	Consults: checks.ExposureConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, entry := range p.ServiceEntries().All() {
			reportServiceEntryConflict(p, entry)
		}
	},
}

func reportServiceEntryConflict(p *checks.Pass, entry *networking.ServiceEntry) {
	for _, name := range entry.Spec.GetHosts() {
		service := host.ServiceByHost(p.Snapshot, name)
		if service == nil {
			continue
		}
		for _, port := range exposure.ExposedPortsOf(p.Snapshot, service) {
			for i, claimed := range entry.Spec.GetPorts() {
				protocol := workload.ParseProtocol(claimed.GetProtocol())
				if int32(claimed.GetNumber()) != port.Port.Port || sameListener(protocol, port.Protocol()) {
					continue
				}
				p.Report(checks.Finding{
					Object: entry,
					Path:   plan.PathOf("spec", "ports", i, "protocol"),
					Message: fmt.Sprintf("ServiceEntry %s/%s says that port %d of %s is %s, and %s, which wins at a gateway, says %s.",
						entry.Namespace, entry.Name, port.Port.Port, name, checks.ProtocolName(protocol), mesh.KeyOf(service), checks.ProtocolName(port.Protocol())),
					Evidence: checks.EvidenceOf(port),
					Symptom:  "none at a gateway, where the Service wins",
					Fix:      checks.Fix{Text: fmt.Sprintf("Take %s out of ServiceEntry %s/%s, or delete it.", name, entry.Namespace, entry.Name)},
				})
			}
		}
	}
}
