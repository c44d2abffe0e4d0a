package gateway

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

var loadBalancerNotHTTP2 = &checks.Check{
	ID:     "GX417",
	Slug:   "load-balancer-not-http2",
	Levels: []checks.Level{checks.Warning},
	Title:  "The load balancer in front of the gateway speaks HTTP/1.1, or does not follow the Service",
	What: "Finds annotations on the gateway's Service that make the cloud's load balancer an HTTP/1.1 proxy for a port that gRPC calls " +
		"come to (AWS, DigitalOcean, Alibaba Cloud, Tencent Cloud, Huawei Cloud, Hetzner, Linode, OCI, OpenStack, Scaleway, Vultr), and " +
		"TKE's `service.cloud.tencent.com/mode: skip`, which keeps the load balancer from following the Service's ports.",
	Why: "gRPC needs HTTP/2 all the way to the gateway. A load balancer that passes TCP on is fine; one that reads HTTP/1.1 is not.",
	Client: "UNAVAILABLE or UNKNOWN: the load balancer refuses HTTP/2, or strips the trailers; with `mode: skip`, UNAVAILABLE on ports " +
		"that were added later.",
	Bad: example.Orders + example.EdgeAnnotated("service.beta.kubernetes.io/aws-load-balancer-backend-protocol: http") +
		example.Gateway("istio: edge", "{number: 8000, name: grpc, protocol: GRPC}"),
	Good: example.Orders + example.EdgeAnnotated("service.beta.kubernetes.io/aws-load-balancer-backend-protocol: tcp") +
		example.Gateway("istio: edge", "{number: 8000, name: grpc, protocol: GRPC}"),
	Reads:    gatewayServiceReads,
	Consults: gatewayConsults(gatewayServiceReads),
	Since:    "v0.1.0",
	Run:      runLoadBalancerNotHTTP2,
}

func runLoadBalancerNotHTTP2(p *checks.Pass) {
	for _, gateway := range usedGateways(p) {
		services, ports := servicesOf(p, gateway)
		for _, service := range services {
			if service.Spec.Type != core.ServiceTypeLoadBalancer {
				continue
			}
			if key, cloud := layer7Annotation(service, ports[service]); key != "" {
				p.Report(checks.Finding{
					Object: service, Path: annotationPath(key),
					Message:  fmt.Sprintf("The load balancer of Service %s speaks HTTP/1.1 to the gateway (%s).", service.Name, cloud),
					Evidence: []string{key + ": " + service.Annotations[key]},
					Symptom:  "UNAVAILABLE or UNKNOWN: the load balancer refuses HTTP/2, or strips the trailers",
					Fix:      checks.Fix{Text: "Let the load balancer pass TCP on: take the annotation away, or give it the value for TCP."},
				})
			}
			if annotation := proxy.SyncSwitchedOff(service); annotation != "" {
				p.Report(checks.Finding{
					Object: service, Path: annotationPath(skipAnnotation),
					Message:  fmt.Sprintf("The load balancer of Service %s does not follow the Service's ports.", service.Name),
					Evidence: []string{annotation},
					Symptom:  "UNAVAILABLE: ports that were added to the Service later are not open on the load balancer",
					Fix:      checks.Fix{Text: "Take the annotation away, or open the port on the load balancer by hand."},
				})
			}
		}
	}
}

const skipAnnotation = "service.cloud.tencent.com/mode"

func annotationPath(key string) plan.Path { return plan.PathOf("metadata", "annotations", key) }
