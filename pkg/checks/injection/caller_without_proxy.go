package injection

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// callerIn is a namespace with a workload that calls the server of the other examples.
func callerIn(labels string) string {
	return fmt.Sprintf(`---
apiVersion: v1
kind: Namespace
metadata:
  name: web
  labels: {%s}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: frontend, namespace: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: frontend}}
  template:
    metadata: {labels: {app: frontend}}
    spec:
      containers:
      - name: frontend
        image: registry.example.com/web/frontend:1.0
        env: [{name: CHECKOUT_ADDR, value: "checkout.shop.svc.cluster.local:8000"}]
`, labels)
}

var callerWithoutProxy = &checks.Check{
	ID:     "GX115",
	Slug:   "caller-without-proxy",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A caller has no proxy that balances its calls",
	What: "A workload names an exposed Service in its environment or arguments, and its pods have neither a sidecar nor ambient mode, or an " +
		"annotation keeps the Service's port or address out of their sidecar. It is an error where the server demands mutual TLS.",
	Why: "gRPC keeps one connection open, and a Service chooses a pod for each connection. It is the proxy beside the client that balances " +
		"the calls in the connection. Without it, all calls of a client go to one pod, however well the server is set up, and they are " +
		"in plaintext, which mutual TLS in STRICT mode refuses.",
	Client:   "All calls of one client are served by one pod; `UNAVAILABLE` where the server demands mutual TLS.",
	Bad:      example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", ""), callerIn("team: web")),
	Good:     example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", ""), callerIn("istio-injection: enabled")),
	Reads:    injectionReads,
	Consults: consultsBeside(injectionReads, mesh.KindEndpointSlice),
	Since:    "v0.1.0",
	Run:      runCallerWithoutProxy,
}

func runCallerWithoutProxy(p *checks.Pass) {
	if len(activeInjectors(p)) == 0 {
		return // no-injector speaks of that, or there is no mesh of sidecars
	}
	exposed := exposure.ExposedWorkloads(p.Snapshot)
	for _, w := range workload.Workloads(p.Snapshot) {
		if gateway.IsInfrastructure(w) || balancesByItself(w) {
			continue
		}
		calls := callsPastProxy(p, w)
		if len(calls) > 0 && len(exposed[w]) > 0 && calls[0].by == "" {
			// That the workload has no proxy is told already, by whichever check knows why.
			calls = slices.DeleteFunc(calls, func(call pastProxy) bool { return !call.refused })
		}
		if len(calls) > 0 && (calls[0].by != "" || knowsNamespace(p, w.Namespace()) && p.Missing(mesh.KindWebhook, "", "")) {
			reportCallerWithoutProxy(p, w, calls)
		}
	}
}

// balancesByItself reports whether an injector makes the pods gRPC clients that take their endpoints from istiod without a proxy.
// Source: Istio's manifests/charts/istio-control/istio-discovery/files/grpc-agent.yaml.
func balancesByItself(w *workload.Workload) bool {
	return slices.ContainsFunc(proxy.InjectionTemplates(w.Template), func(name string) bool { return strings.HasPrefix(name, "grpc-") })
}

// pastProxy is a call that no proxy beside the caller takes.
type pastProxy struct {
	checks.Naming
	// by is the annotation that keeps it out of the sidecar, empty where there is none.
	by string
	// refused says that the server demands mutual TLS.
	refused bool
}

// callsPastProxy are the calls of a workload that no proxy takes, those that are refused first.
func callsPastProxy(p *checks.Pass, w *workload.Workload) []pastProxy {
	named := checks.ServicesNamed(p, w)
	if len(named) == 0 || proxy.AsksForAmbient(p.Snapshot, w.Namespace(), w.Template) && !checks.GetsProxy(p, w) {
		return nil
	}
	bare := lacksProxy(p, w)
	var calls []pastProxy
	for _, naming := range named {
		service := naming.Port.Service
		if naming.Scheme == "xds" || slices.Contains(naming.Port.Workloads, w) ||
			slices.ContainsFunc(calls, func(call pastProxy) bool { return call.Port == naming.Port }) {
			continue
		}
		call := pastProxy{Naming: naming, refused: demandsMutualTLS(p, naming.Port)}
		if !bare {
			by, captured := proxy.OutboundCapture(w.Template.Annotations, addressesOf(service), naming.Port.Port.Port)
			if captured {
				continue
			}
			call.by = by
		}
		// A client that dials the pods of a headless Service may balance over them itself.
		if !workload.IsHeadless(service) || call.refused {
			calls = append(calls, call)
		}
	}
	slices.SortStableFunc(calls, func(a, b pastProxy) int { return proxy.BoolRank(a.refused) - proxy.BoolRank(b.refused) })
	return calls
}

// lacksProxy reports whether the pods of a workload that run have no proxy, or where none run, whether new ones would have none.
func lacksProxy(p *checks.Pass, w *workload.Workload) bool {
	pods := workload.LivePodsOf(p.Snapshot, w)
	if len(pods) > 0 {
		return !slices.ContainsFunc(pods, func(pod *core.Pod) bool {
			_, has := proxy.OfWorkload(p.Snapshot, pod)
			return has || proxy.PassedInjector(pod) || proxy.IsRedirected([]*core.Pod{pod})
		})
	}
	return !checks.GetsProxy(p, w)
}

// demandsMutualTLS reports whether a proxy before one of the pods behind the port refuses plaintext.
func demandsMutualTLS(p *checks.Pass, port *exposure.ExposedPort) bool {
	return slices.ContainsFunc(checks.BackendsOf(p, port), func(backend checks.Backend) bool {
		return (backend.Enforces() || backend.Ambient) &&
			policy.MutualTLSMode(p.Snapshot, backend.Namespace, backend.Labels, backend.Port) == policy.MutualTLSStrict
	})
}

// addressesOf are the addresses by which a Service is dialled, none for a headless one and in manifests.
func addressesOf(service *core.Service) []string {
	if workload.IsHeadless(service) {
		return nil
	}
	if len(service.Spec.ClusterIPs) > 0 {
		return service.Spec.ClusterIPs
	}
	if service.Spec.ClusterIP != "" {
		return []string{service.Spec.ClusterIP}
	}
	return nil
}

func reportCallerWithoutProxy(p *checks.Pass, w *workload.Workload, calls []pastProxy) {
	first := calls[0]
	called := make([]string, 0, len(calls))
	var evidence []string
	for _, call := range calls {
		called = append(called, fmt.Sprintf("%s of Service %s/%s", checks.PortText(call.Port), call.Port.Service.Namespace, call.Port.Service.Name))
		evidence = append(evidence, fmt.Sprintf("its configuration names %s", call.Text))
	}
	finding := checks.Finding{
		Object: w.Object, Level: checks.Warning,
		Evidence: append(evidence, first.Port.Evidence[0].Text),
		Symptom:  "all calls of a client are served by one pod",
	}
	consequence := "all calls of one of its connections go to one pod"
	if first.refused {
		finding.Level = checks.ErrorUnlessWeak(first.Port)
		finding.Symptom = "UNAVAILABLE: the server's proxy closes plaintext connections"
		consequence = "its calls are in plaintext, and the server takes nothing but mutual TLS"
	}
	cause := "its pods have no proxy"
	if first.by == "" {
		finding.Fix = checks.Fix{Text: fixCallerWithoutProxy(p, w)}
	} else {
		path := templateAnnotationPath(first.by)
		finding.Path = path
		cause = fmt.Sprintf("the annotation %s (%q) keeps these calls out of its proxy", first.by, w.Template.Annotations[first.by])
		finding.Fix = checks.Fix{Text: fmt.Sprintf("Change the annotation %s of the pod template of %s so that the proxy takes connections to port %d.", first.by, w.Key, first.Port.Port.Port)}
	}
	finding.Message = fmt.Sprintf("%s calls %s, but %s: %s.", w.Key, strings.Join(called, " and "), cause, consequence)
	p.Report(finding)
}

// fixCallerWithoutProxy says how the caller's pods get a proxy.
func fixCallerWithoutProxy(p *checks.Pass, w *workload.Workload) string {
	if checks.GetsProxy(p, w) {
		return fmt.Sprintf("Restart %s: its new pods get a proxy.", w.Key)
	}
	if w.Template.Spec.HostNetwork {
		return fmt.Sprintf("Take %s off the host's network, where no pod gets a proxy, or let its clients balance by themselves over a headless Service.", w.Key)
	}
	label, _, ok := checks.ChooseLabel(p, proxy.NamespaceInjectionLabels(p.Snapshot, w), proxy.LabelInjection)
	if !ok {
		return fmt.Sprintf("Have the pods of %s injected, or put them into ambient mode.", w.Key)
	}
	return fmt.Sprintf("Label namespace %s with %s and restart %s, or let its clients balance by themselves over a headless Service.", w.Namespace(), label, w.Key)
}
