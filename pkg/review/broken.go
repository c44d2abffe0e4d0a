package review

import (
	"errors"
	"fmt"
	"slices"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// refuseBeside refuses to make a new path beside one that is there, meant for the same Service and host, and broken: mending it
// is what the user wants, and two of them would be one too many.
func refuseBeside(intent expose.Intent, snapshot *mesh.Snapshot, result *expose.Result) error {
	for _, route := range expose.Meant(intent, result, snapshot) {
		reasons, known := whyBroken(snapshot, route)
		if len(reasons) == 0 {
			continue
		}
		does := "does not"
		if !known {
			does = "may or may not do so"
		}
		return &expose.Error{
			Problem: fmt.Sprintf("VirtualService %s/%s is there to lead to %s and %s: a second path beside it would hide that", route.Namespace, route.Name, result.Workload.Key, does),
			Choices: reasons,
			Next: fmt.Sprintf("Mend it (%s lint --fix does where one change is safe), or name another --host or --service to make a new path beside it",
				program),
		}
	}
	return nil
}

// Build is expose.Build, with a refusal because of a route that is there and leads nowhere itself saying so.
func Build(intent expose.Intent, snapshot *mesh.Snapshot) (*expose.Result, error) {
	result, err := expose.Build(intent, snapshot)
	refusal, refused := errors.AsType[*expose.Error](err)
	if !refused || refusal.Taken == nil || refusal.Taken.Namespace != intent.Namespace {
		return result, err
	}
	reasons, known := whyBroken(snapshot, refusal.Taken)
	if len(reasons) == 0 {
		return result, err
	}
	is := "is"
	if !known {
		is = "may be"
	}
	return nil, &expose.Error{
		Problem: refusal.Problem + "; and that one " + is + " broken:", Choices: reasons,
		Next: fmt.Sprintf("Mend it (%s lint --fix does where one change is safe), or name another --host to make a new path beside it", program),
	}
}

// whyBroken says what keeps the route's calls from arriving: the findings about it and its Gateways, or a Gateway that was not
// read; known is false where it was not.
func whyBroken(snapshot *mesh.Snapshot, route *networking.VirtualService) (reasons []string, known bool) {
	about := []mesh.Key{mesh.KeyOf(route)}
	gateways, _ := host.GatewaysOf(snapshot, route)
	for _, gateway := range gateways {
		about = append(about, mesh.KeyOf(gateway))
	}
	found := lint.Run(snapshot, lint.Options{Only: func(object mesh.Object) bool { return slices.Contains(about, mesh.KeyOf(object)) }})
	for _, finding := range found.Findings {
		if finding.Level == checks.Error && !checkOf(finding).Passing {
			reasons = append(reasons, report.FindingText(finding))
		}
	}
	if len(reasons) > 0 {
		return reasons, true
	}
	for _, gateway := range route.Spec.GetGateways() {
		resolved := host.ResolveGatewayName(gateway, route.Namespace)
		if gateway == "mesh" || slices.ContainsFunc(gateways, func(bound *networking.Gateway) bool { return bound.Namespace+"/"+bound.Name == resolved }) {
			continue
		}
		return []string{fmt.Sprintf("Gateway %s, which it is bound to, is not known here", resolved)}, false
	}
	return nil, true
}

// WithGaps adds to a refusal what could not be read, which may be why.
func WithGaps(err error, loaded *cluster.Loaded, command string) error {
	if _, refused := errors.AsType[*expose.Error](err); refused {
		return load.WithGaps(err, loaded, program+" "+command+" --print-rbac")
	}
	return err
}
