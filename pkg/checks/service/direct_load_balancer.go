package service

import (
	"fmt"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

var directLoadBalancer = &checks.Check{
	ID:     "GX308",
	Slug:   "direct-load-balancer",
	Levels: []checks.Level{checks.Warning},
	Title:  "A Service lets calls from outside past the gateway",
	What:   "An exposed port is on a Service of type LoadBalancer or NodePort that is not a gateway's.",
	Why: "Such a Service forwards connections. Calls from outside that arrive here never meet a proxy that could take the requests " +
		"of one connection apart.",
	Client: "Calls work. All calls of a client stay on the pod that got its connection.",
	Bad: example.GreeterWorkload + `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  type: LoadBalancer
  selector: {app: greeter}
  ports: [{name: grpc, port: 8000, targetPort: 50051}]
`,
	Good:     example.GreeterWorkload + example.GreeterService + example.GreeterRoute,
	Reads:    checks.ExposureReads,
	Consults: checks.ExposureConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, service := range p.Services().All() {
			outside := service.Spec.Type == core.ServiceTypeLoadBalancer || service.Spec.Type == core.ServiceTypeNodePort
			if ports := exposure.ExposedPortsOf(p.Snapshot, service); outside && len(ports) > 0 {
				reportDirectLoadBalancer(p, service, ports)
			}
		}
	},
}

func reportDirectLoadBalancer(p *checks.Pass, service *core.Service, ports []*exposure.ExposedPort) {
	p.Report(checks.Finding{
		Object: service,
		Path:   plan.PathOf("spec", "type"),
		Message: fmt.Sprintf("Service %s has type %s: calls from outside to %s by-pass the gateway and are balanced per connection.",
			service.Name, service.Spec.Type, checks.PortText(ports[0])),
		Evidence: checks.EvidenceOf(ports[0]),
		Symptom:  "all calls of a client outside stay on one pod",
		Fix: checks.Fix{
			Text:    fmt.Sprintf("Once nobody calls it from outside, make Service %s a ClusterIP Service, and lead calls through a gateway.", service.Name),
			Level:   checks.Ask,
			Changes: toClusterIP(p, service),
		},
	})
}

// outsideFields are the fields of a Service that may not be set, or mean nothing, on a ClusterIP Service.
// Source: Kubernetes pkg/apis/core/validation/validation.go, ValidateService.
var outsideFields = []string{
	"externalTrafficPolicy", "healthCheckNodePort", "loadBalancerClass", "loadBalancerIP", "loadBalancerSourceRanges",
	"allocateLoadBalancerNodePorts",
}

func toClusterIP(p *checks.Pass, service *core.Service) []plan.Change {
	return checks.Update(p, service, "a ClusterIP Service is reached inside the cluster only", func(form *unstructured.Unstructured) []plan.Edit {
		edits := []plan.Edit{plan.Set(form, "ClusterIP", "spec", "type")}
		for _, field := range outsideFields {
			if edit := plan.Set(form, nil, "spec", field); edit.Old != nil {
				edits = append(edits, edit)
			}
		}
		for i := range service.Spec.Ports {
			if edit := plan.Set(form, nil, append(remedy.PortPath(service.Spec.Ports[i].Port, service.Spec.Ports[i].Protocol), "nodePort")...); edit.Old != nil {
				edits = append(edits, edit)
			}
		}
		return edits
	})
}
