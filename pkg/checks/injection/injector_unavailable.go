package injection

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var injectorUnavailable = &checks.Check{
	ID:     "GX110",
	Slug:   "injector-unavailable",
	Levels: []checks.Level{checks.Error},
	Title:  "The injector cannot be called, and without it no pod is made",
	What: "A webhook selects pods that serve gRPC and has failurePolicy Fail, and the Service that it calls has no ready endpoint or does " +
		"not exist.",
	Why: "The API server refuses to make a pod while a webhook that selects it and fails closed cannot be called. Pods that run go on; " +
		"those that are deleted, moved or rolled out do not come back.",
	Client: "Nothing yet. After the next restart, rollout or loss of a node there are no pods: UNAVAILABLE. The ReplicaSet says " +
		"FailedCreate, failed calling webhook.",
	Bad:      example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", ""), example.Istiod(false)),
	Good:     example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", ""), example.Istiod(true)),
	Reads:    injectionReadsAnd(mesh.KindEndpointSlice),
	Consults: consultsBeside(injectionReadsAnd(mesh.KindEndpointSlice)),
	Since:    "v0.1.0",
	Accepts:  checks.WithoutProxies,
	Passing:  true,
	Run:      runInjectorUnavailable,
}

// deadInjector is the webhooks of a configuration that cannot be called, the first of them for all, and the exposed workloads that
// cannot be made without them.
type deadInjector struct {
	*proxy.Injector
	reason    string
	webhooks  []string
	workloads []exposedWorkload
}

func runInjectorUnavailable(p *checks.Pass) {
	var dead []*deadInjector
	for _, workload := range exposedWorkloads(p) {
		for _, injector := range proxy.InjectionOf(p.Snapshot, workload.Workload).Called {
			reason, unavailable := proxy.InjectorUnavailable(p.Snapshot, injector)
			if !unavailable || !injector.FailsClosed() || !knowsNamespace(p, workload.Namespace()) {
				continue
			}
			i := slices.IndexFunc(dead, func(d *deadInjector) bool { return d.Configuration == injector.Configuration })
			if i < 0 {
				dead = append(dead, &deadInjector{Injector: injector, reason: reason})
				i = len(dead) - 1
			}
			dead[i].add(injector.Webhook.Name, workload)
		}
	}
	for _, injector := range dead {
		reportInjectorUnavailable(p, injector)
	}
}

// add takes in a webhook and a workload that it holds up, each once. Workloads come one after the other.
func (d *deadInjector) add(webhook string, workload exposedWorkload) {
	if !slices.Contains(d.webhooks, webhook) {
		d.webhooks = append(d.webhooks, webhook)
	}
	if last := len(d.workloads) - 1; last < 0 || d.workloads[last].Workload != workload.Workload {
		d.workloads = append(d.workloads, workload)
	}
}

func reportInjectorUnavailable(p *checks.Pass, injector *deadInjector) {
	index := 0
	for i := range injector.Configuration.Webhooks {
		if &injector.Configuration.Webhooks[i] == injector.Webhook {
			index = i
		}
	}
	p.Report(checks.Finding{
		Object: injector.Configuration,
		Level:  errorUnlessAllWeak(injector.workloads),
		Path:   plan.PathOf("webhooks", index, "clientConfig", "service"),
		Message: fmt.Sprintf("The injector of revision %s cannot be called (%s), and its %s: no new pod of %s can be made.",
			injector.Revision, injector.reason, failsClosedText(injector.webhooks), heldUpText(injector.workloads)),
		Evidence: append([]string{"failurePolicy: Fail"}, servingEvidence(injector.workloads)...),
		Symptom:  "none until pods are made anew; then UNAVAILABLE, for there are none",
		Fix:      checks.Fix{Text: reviveText(p, injector)},
	})
}

func failsClosedText(webhooks []string) string {
	if more := len(webhooks) - 1; more > 0 {
		return fmt.Sprintf("webhooks %s and %d more fail closed", webhooks[0], more)
	}
	return fmt.Sprintf("webhook %s fails closed", webhooks[0])
}

// heldUpText names the first of the workloads, and how many more there are.
func heldUpText(workloads []exposedWorkload) string {
	switch more := len(workloads) - 1; more {
	case 0:
		return workloads[0].Key.String()
	case 1:
		return fmt.Sprintf("%s, or of 1 more workload that serves gRPC,", workloads[0].Key)
	default:
		return fmt.Sprintf("%s, or of %d more workloads that serve gRPC,", workloads[0].Key, more)
	}
}

// reviveText is the fix in words. Only where another control plane is there can this one be given up.
func reviveText(p *checks.Pass, dead *deadInjector) string {
	text := "Bring the control plane behind the webhook back"
	lives := slices.ContainsFunc(activeInjectors(p), func(other *proxy.Injector) bool {
		_, unavailable := proxy.InjectorUnavailable(p.Snapshot, other)
		return other.Revision != dead.Revision && !unavailable
	})
	if lives {
		text += fmt.Sprintf(", or, if revision %s is gone for good, remove its webhook configuration", dead.Revision)
	}
	return text + ". Restart nothing before."
}
