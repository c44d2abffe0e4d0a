package traffic

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var peersDialPodIPs = &checks.Check{
	ID:     "GX609",
	Slug:   "peers-dial-pod-ips",
	Levels: []checks.Level{checks.Error, checks.Warning, checks.Info},
	Title:  "Clients find pods by themselves and dial their addresses",
	What: "Finds workloads with a proxy whose configuration names a gRPC Service with a resolver for endpoints, as `kubernetes:///orders.shop:grpc`. " +
		"An error where the pods demand mutual TLS.",
	Why: "Such a client asks the API server for the addresses of the pods. Its proxy knows no such host and passes the connection on as it is: in " +
		"plaintext, without routes and policies.",
	Client:   "UNAVAILABLE where the pods demand mutual TLS: their proxies close plaintext connections.",
	Bad:      example.ShopServer + example.ShopRoute + examplePeers("kubernetes:///orders.shop:grpc"),
	Good:     example.ShopServer + example.ShopRoute + examplePeers("dns:///orders.shop:8000"),
	Reads:    checks.PolicyReads(mesh.KindPeerAuthentication),
	Consults: checks.PolicyConsults(mesh.KindPeerAuthentication),
	Since:    "v0.1.0",
	Run:      runPeersDialPodIPs,
}

func examplePeers(target string) string {
	return `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example.com/web:1.4
        env: [{name: ORDERS_ADDR, value: "` + target + `"}]
`
}

// endpointResolvers are the schemes of gRPC targets whose resolvers ask the API server for addresses of pods.
var endpointResolvers = []string{"kubernetes", "k8s", "kube"}

func runPeersDialPodIPs(p *checks.Pass) {
	for _, w := range workload.Workloads(p.Snapshot) {
		for _, naming := range checks.ServicesNamed(p, w) {
			if slices.Contains(endpointResolvers, naming.Scheme) && !isRoutedByName(naming) && checks.GetsProxy(p, w) {
				if finding, ok := podIPFinding(p, w, naming); ok {
					p.Report(finding)
					break
				}
			}
		}
	}
}

// isRoutedByName reports whether the caller's proxy routes the calls by their :authority, which is the target: it listens on the
// Service's number, which has to be that of the pods, and reads HTTP there.
// Source: Istio's pilot/pkg/networking/core/httproute.go (generateVirtualHostDomains).
func isRoutedByName(naming checks.Naming) bool {
	port := naming.Port
	return strings.Contains(naming.Text, ":") && port.Protocol().IsHTTP() && slices.ContainsFunc(port.Workloads, func(w *workload.Workload) bool {
		number, _, ok := workload.TargetPort(port.Port, w.Template)
		return ok && number == port.Port.Port
	})
}

func podIPFinding(p *checks.Pass, w *workload.Workload, naming checks.Naming) (checks.Finding, bool) {
	service := naming.Port.Service
	target := naming.Scheme + ":///" + naming.Text
	finding := checks.Finding{
		Object: w.Object, Path: plan.PathOf("spec", "template", "spec", "containers"), Level: checks.Info,
		Message: fmt.Sprintf("The pods dial those of %s by their addresses (%s): their proxies know no such host and pass the connections on in plaintext.",
			mesh.KeyOf(service), target),
		Evidence: append([]string{"its configuration names " + target}, checks.EvidenceOf(naming.Port)...),
		Symptom:  "none as long as the pods take plaintext; no route or policy of the mesh counts for these calls",
		Fix:      checks.Fix{Text: fmt.Sprintf("Dial the Service by its name (dns:///%s.%s:%d) and let the proxy balance, or let the port take plaintext (portLevelMtls).", service.Name, service.Namespace, naming.Port.Port.Port)},
	}
	behind := false
	for _, backend := range checks.BackendsOf(p, naming.Port) {
		if !backend.Enforces() && !backend.Ambient {
			continue
		}
		behind = true
		mode, from := policy.PeerAuthenticationFor(p.Snapshot, backend.Namespace, backend.Labels, backend.Port)
		if mode == policy.MutualTLSStrict {
			finding.Level = checks.ErrorUnlessWeak(naming.Port)
			finding.Message = strings.TrimSuffix(finding.Message, ".") + fmt.Sprintf(", and %s demands mutual TLS.", backend)
			finding.Symptom = "UNAVAILABLE: the proxies of the pods close plaintext connections"
			if from != nil {
				finding.Evidence = append(finding.Evidence, fmt.Sprintf("%s makes port %d of the pods STRICT", mesh.KeyOf(from), backend.Port))
			}
			break
		}
	}
	return finding, behind
}
