package route

import (
	"fmt"
	"time"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var timeoutCutsStreams = &checks.Check{
	ID:     "GX509",
	Slug:   "timeout-cuts-streams",
	Levels: []checks.Level{checks.Warning},
	Title:  "A route's timeout bounds streams",
	What:   "Finds `timeout` and `retries.perTryTimeout` on rules that lead to an exposed port.",
	Why: "`timeout` runs from the end of the request until the end of the response, so that a stream of the server is cut at that age, however " +
		"busy it is; a stream that the client feeds lives that long after the client has closed its side. `perTryTimeout` bounds the time to " +
		"the first answer, which a quiet stream may take long for. gRPC clients set deadlines for each call themselves.",
	Client: "A stream is reset when the time is over: INTERNAL, if something has been answered already. " +
		"A call that takes longer to its first answer gets UNAVAILABLE.",
	Bad: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - timeout: 15s
    route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Good: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Reads:    checks.RouteReads,
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		eachRoute(p, func(rule *host.HTTPRule) {
			ports, ok := carriesGRPC(p, rule)
			if !ok {
				return
			}
			if limit := rule.Spec.GetTimeout().AsDuration(); limit > 0 {
				reportTimeout(p, rule, ports, hasTimeout, wholeTimeout, limit, "timeout")
			}
			if limit := rule.Spec.GetRetries().GetPerTryTimeout().AsDuration(); limit > 0 {
				reportTimeout(p, rule, ports, hasPerTryTimeout, tryTimeout, limit, "retries", "perTryTimeout")
			}
		})
	},
}

func hasTimeout(rule *networkingapi.HTTPRoute) bool { return rule.GetTimeout() != nil }

func hasPerTryTimeout(rule *networkingapi.HTTPRoute) bool {
	return rule.GetRetries().GetPerTryTimeout() != nil
}

// boundTimeout is what a timeout does to the calls to some ports (the first %s) after some time (the second), and what their clients
// see.
type boundTimeout struct{ does, symptom string }

// Source: Envoy's source/common/router/router.cc (onRequestComplete, onResponseTimeout, onPerTryTimeout).
var (
	wholeTimeout = boundTimeout{
		"ends calls to %s %s after their request is complete, streams from the server too",
		"INTERNAL (RST_STREAM) in the middle of a stream, UNAVAILABLE (504) where nothing has been answered yet",
	}
	tryTimeout = boundTimeout{
		"gives up calls to %s that have no answer %s after their request is complete, quiet streams too",
		"UNAVAILABLE (504) where nothing has been answered by then",
	}
)

func reportTimeout(
	p *checks.Pass, rule *host.HTTPRule, ports []*exposure.ExposedPort, has func(*networkingapi.HTTPRoute) bool, timeout boundTimeout, limit time.Duration,
	field ...string,
) {
	vs, index := writtenIn(rule, has)
	name := field[len(field)-1]
	path := append([]string{"spec", "http", fmt.Sprint(index)}, field...)
	p.Report(checks.Finding{
		Object:   vs,
		Path:     plan.Path(path),
		Message:  fmt.Sprintf("The %s of %s %s.", name, ruleText(vs, index), fmt.Sprintf(timeout.does, behindText(ports), limit)),
		Evidence: behindEvidence(ports),
		Symptom:  timeout.symptom,
		Fix: checks.Fix{
			Text:     fmt.Sprintf("Delete %s (istiod refuses 0s), and let the clients set deadlines.", name),
			Level:    checks.Ask,
			OnWordOf: checks.OnWordOf(ports...),
			Changes:  checks.SetField(p, vs, "it bounds streams, too", nil, path...),
		},
	})
}
