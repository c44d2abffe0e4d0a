package access

import (
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var sidecarEgressHidesService = &checks.Check{
	ID:     "GX705",
	Slug:   "sidecar-egress-hides-service",
	Levels: []checks.Level{checks.Warning},
	Title:  "A Sidecar resource hides a Service from its callers",
	What: "A workload names an exposed Service in its environment or arguments, and the Sidecar resource that counts for it leaves the Service " +
		"out of its egress hosts.",
	Why: "A sidecar knows only the Services that its Sidecar resource imports. Calls to others are passed through as plain connections (or " +
		"refused, with outbound policy REGISTRY_ONLY). Gateways do not heed Sidecar resources.",
	Client: "All calls of a caller go to one pod, without mutual TLS; UNAVAILABLE where outbound traffic is restricted.",
	Bad: example.ShopServer + example.ShopCaller + `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: web}
spec:
  egress:
  - hosts: ["./*", "istio-system/*"]
`,
	Good: example.ShopServer + example.ShopCaller + `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: web}
spec:
  egress:
  - hosts: ["./*", "istio-system/*", "shop/orders.shop.svc.cluster.local"]
`,
	Reads:    checks.PolicyReads(mesh.KindSidecar),
	Consults: checks.PolicyConsults(),
	Since:    "v0.1.0",
	Run:      runSidecarEgressHidesService,
}

func runSidecarEgressHidesService(p *checks.Pass) {
	if len(p.Sidecars().All()) == 0 {
		return
	}
	byKey := map[string]*hiding{}
	var found []*hiding
	for _, workload := range workload.Workloads(p.Snapshot) {
		sidecar := policy.SidecarFor(p.Snapshot, workload.Namespace(), workload.Template.Labels)
		if sidecar == nil || gateway.IsInfrastructure(workload) || !hasSidecars(p, workload) {
			continue
		}
		for _, named := range checks.ServicesNamed(p, workload) {
			key := mesh.KeyOf(sidecar).String() + " " + host.ServiceHost(named.Port.Service)
			if policy.EgressIncludes(p.Snapshot, sidecar, workload.Namespace(), named.Port.Service, named.Port.Port.Port) {
				continue
			}
			if byKey[key] == nil {
				byKey[key] = &hiding{sidecar: sidecar, port: named.Port}
				found = append(found, byKey[key])
			}
			byKey[key].add(workload, named.Text)
		}
	}
	for _, hidden := range found {
		reportHidden(p, hidden)
	}
}

// hiding is a Service that a Sidecar resource hides, and who calls it.
type hiding struct {
	sidecar *networking.Sidecar
	port    *exposure.ExposedPort
	callers []*workload.Workload
	// texts are the words in which the callers name the Service.
	texts []string
}

// add notes a caller, once.
func (h *hiding) add(caller *workload.Workload, text string) {
	if !slices.Contains(h.callers, caller) {
		h.callers, h.texts = append(h.callers, caller), append(h.texts, text)
	}
}

// mostCallers is how many callers are named.
const mostCallers = 3

func (h *hiding) callersText() string {
	if more := len(h.callers) - mostCallers; more > 0 {
		return fmt.Sprintf("%s and %d more call", strings.Join(checks.WorkloadNames(h.callers[:mostCallers]), ", "), more)
	}
	if len(h.callers) > 1 {
		return strings.Join(checks.WorkloadNames(h.callers), " and ") + " call"
	}
	return h.callers[0].Key.String() + " calls"
}

func (h *hiding) evidence() []string {
	var clauses []string
	for i, caller := range h.callers[:min(mostCallers, len(h.callers))] {
		clauses = append(clauses, fmt.Sprintf("%s names %s", caller.Key, h.texts[i]))
	}
	return clauses
}

// hasSidecars reports whether pods of the workload have a sidecar, or where no pods are known would get one.
func hasSidecars(p *checks.Pass, w *workload.Workload) bool {
	pods := workload.PodsOf(p.Snapshot, w)
	for _, pod := range pods {
		if _, proxied := proxy.OfWorkload(p.Snapshot, pod); proxied {
			return true
		}
	}
	proxied, _ := checks.ProxiesAfterRestart(p, w)
	return len(pods) == 0 && proxied
}

func reportHidden(p *checks.Pass, hidden *hiding) {
	service := hidden.port.Service
	host := service.Namespace + "/" + host.ServiceHost(service)
	finding := checks.Finding{
		Object:   hidden.sidecar,
		Path:     plan.PathOf("spec", "egress"),
		Message:  fmt.Sprintf("The egress hosts leave out Service %s/%s, which %s.", service.Namespace, service.Name, hidden.callersText()),
		Evidence: hidden.evidence(),
		Symptom:  "The caller's connection passes through as it is: all of its calls are served by one pod, without mutual TLS",
		Fix:      checks.Fix{Text: fmt.Sprintf("Add %q to the hosts of an egress listener.", host)},
	}
	if outboundRestricted(p, hidden.sidecar) {
		finding.Symptom = "UNAVAILABLE: the caller's sidecar refuses connections to what it does not know"
	}
	exclusions := policy.EgressExclusions(hidden.sidecar, hidden.callers[0].Namespace(), service, hidden.port.Port.Port)
	if len(exclusions) > 0 {
		excluding := `"` + strings.Join(exclusions, `" and "`) + `"`
		finding.Evidence = append(finding.Evidence, fmt.Sprintf("%s among the egress hosts shuts the Service out, whatever else is there", excluding))
		finding.Fix.Text = fmt.Sprintf("Take %s out of the egress hosts, and add %q where no other host covers it.", excluding, host)
	}
	finding.Evidence = append(finding.Evidence, checks.EvidenceOf(hidden.port)...)
	p.Report(finding)
}

// outboundRestricted reports whether sidecars under this resource refuse calls to what they do not know.
func outboundRestricted(p *checks.Pass, sidecar *networking.Sidecar) bool {
	if policy := sidecar.Spec.GetOutboundTrafficPolicy(); policy != nil {
		return policy.GetMode() == networkingapi.OutboundTrafficPolicy_REGISTRY_ONLY
	}
	return proxy.DefaultMeshConfig(p.Snapshot).GetOutboundTrafficPolicy().GetMode().String() == "REGISTRY_ONLY"
}
