package review

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// Plan checks the mesh as the plan leaves it. An error on the path of the calls refuses the plan, because they would not arrive: it is
// something that create does not change, as a policy that keeps the gateway out. Warnings are returned.
func Plan(intent expose.Intent, snapshot *mesh.Snapshot, result *expose.Result) (warnings []checks.Finding, err error) {
	if err := refuseBeside(intent, snapshot, result); err != nil {
		return nil, err
	}
	refusal := &expose.Error{
		Problem: fmt.Sprintf("nothing was written: after it, calls would still not get to %s:", result.Workload.Key),
		Next: "Put this right first (kubectl grpcexpose lint explains and fixes much of it), or silence a finding that you know better about" +
			" with the annotation " + lint.IgnoreAnnotation + " on its object",
	}
	for _, finding := range OnPath(intent, result.After, result) {
		switch {
		case finding.Level == checks.Error && !checkOf(finding).Passing:
			refusal.Choices = append(refusal.Choices, report.FindingText(finding))
		case finding.Level.AtLeast(checks.Warning):
			warnings = append(warnings, finding)
		}
	}
	if len(refusal.Choices) > 0 {
		return nil, refusal
	}
	return warnings, nil
}

// OnPath are the findings about the path that create makes, without those about what the user has asked for.
func OnPath(intent expose.Intent, snapshot *mesh.Snapshot, result *expose.Result) []checks.Finding {
	return withoutAsked(intent, onExposedPath(snapshot, result))
}

// onExposedPath are the findings about the path that create makes: that of the workload, with the one Service, Gateway and
// VirtualService of it. Other routes that lead to the workload are not create's to judge.
func onExposedPath(snapshot *mesh.Snapshot, result *expose.Result) []checks.Finding {
	toWorkload := lint.OnPathOf(snapshot, result.Workload.Key)
	run := lint.Run(snapshot, lint.Options{Only: func(object mesh.Object) bool {
		if !toWorkload(object) {
			return false
		}
		name := mesh.NamespacedName(object)
		switch mesh.KeyOf(object).Kind {
		case mesh.KindVirtualService:
			return name == result.VirtualService
		case mesh.KindGateway:
			return name == result.GatewayObject
		case mesh.KindService:
			return object.GetNamespace() != result.Workload.Namespace() || name == result.Service ||
				isGatewayService(result, object)
		case mesh.KindGRPCRoute, mesh.KindHTTPRoute, mesh.KindKubernetesGateway:
			return false
		default:
			return !isOtherGateway(snapshot, result, object)
		}
	}})
	return run.Findings
}

// isOtherGateway reports whether an object is another gateway's workload, which may get the same routes because of its labels.
func isOtherGateway(snapshot *mesh.Snapshot, result *expose.Result, object mesh.Object) bool {
	key := mesh.KeyOf(object)
	return slices.ContainsFunc(proxy.GatewayWorkloads(snapshot), func(gateway *proxy.GatewayWorkload) bool {
		return gateway.Workload != nil && gateway.Workload.Key == key && gateway.String() != result.Gateway.String() && key != result.Workload.Key
	})
}

func isGatewayService(result *expose.Result, object mesh.Object) bool {
	for _, service := range result.Gateway.Services {
		if mesh.KeyOf(service) == mesh.KeyOf(object) {
			return true
		}
	}
	return false
}

// withoutAsked leaves out what the user has asked for: with --inject=none that pods have no proxy, with --restart=none that
// those made before injection have none, or one of another revision.
func withoutAsked(intent expose.Intent, findings []checks.Finding) []checks.Finding {
	var asked checks.Choice
	if intent.Inject == expose.InjectNone {
		asked |= checks.WithoutProxies
	}
	if intent.Restart == remedy.RestartNone {
		asked |= checks.WithoutRestart
	}
	return slices.DeleteFunc(findings, func(finding checks.Finding) bool { return checkOf(finding).Accepts&asked != 0 })
}

// checkOf is the check that a finding is of.
func checkOf(finding checks.Finding) *checks.Check {
	if check, known := lint.Find(finding.ID); known {
		return check
	}
	return &checks.Check{}
}
