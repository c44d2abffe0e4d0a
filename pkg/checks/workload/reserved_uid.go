package workload

import (
	"fmt"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// proxyUID is the user of the proxy, whose traffic the redirection leaves alone.
// Source: Istio tools/istio-iptables/pkg/constants/constants.go, DefaultProxyUID.
const proxyUID = 1337

var reservedUID = &checks.Check{
	ID:     "GX206",
	Slug:   "reserved-uid",
	Levels: []checks.Level{checks.Warning},
	Title:  "The application runs as the proxy's user",
	What:   "A container beside a sidecar runs as UID 1337.",
	Why: "The redirection rules know the proxy's own traffic by its UID, 1337, and leave it alone. Whatever an application with this UID " +
		"sends goes past the sidecar.",
	Client: "Calls that arrive work. Calls that the application makes are balanced per connection, and fail where mutual TLS is required.",
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
      securityContext: {runAsUser: 1337}
      containers:
      - name: greeter
        image: registry.example.com/greeter:1.0
        ports: [{name: grpc, containerPort: 50051}]
        readinessProbe: {grpc: {port: 50051}}
` + example.GreeterService,
	Good:     example.GreeterWorkload + example.GreeterService,
	Reads:    append([]mesh.Kind{mesh.KindWebhook}, checks.ExposureReads...),
	Consults: checks.ExposureConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for workload, ports := range exposure.EachWorkload(p.Snapshot) {
			reportReservedUID(p, workload, ports)
		}
	},
}

func reportReservedUID(p *checks.Pass, w *workload.Workload, ports []*exposure.ExposedPort) {
	container, path := containerOfUID(w, proxyUID)
	if container == nil || !checks.GetsProxy(p, w) {
		return
	}
	p.Report(checks.Finding{
		Object:   w.Object,
		Path:     path,
		Message:  fmt.Sprintf("Container %s of %s runs as UID %d, which is the sidecar's: its own calls go past the sidecar.", container.Name, w.Key, proxyUID),
		Evidence: checks.EvidenceOf(ports[0]),
		Symptom:  "calls that it makes are balanced per connection, or get UNAVAILABLE where mutual TLS is required",
		Fix:      checks.Fix{Text: "Run the application as another user than 1337."},
	})
}

// containerOfUID is the first container of the application that runs as that user, with the field that says so. Containers
// that end before the pod serves may have reasons to go past the sidecar.
func containerOfUID(w *workload.Workload, uid int64) (container *core.Container, path plan.Path) {
	for _, container := range workload.AppContainers(w.Template) {
		if own := container.SecurityContext; own != nil && own.RunAsUser != nil {
			if *own.RunAsUser == uid {
				return container, checks.ContainerField(w, container, "securityContext", "runAsUser")
			}
			continue
		}
		if pod := w.Template.Spec.SecurityContext; pod != nil && pod.RunAsUser != nil && *pod.RunAsUser == uid {
			return container, plan.PathOf("spec", "template", "spec", "securityContext", "runAsUser")
		}
	}
	return nil, nil
}
