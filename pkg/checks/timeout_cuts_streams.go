package checks

import (
	"fmt"
	"time"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

var timeoutCutsStreams = &Check{
	ID:     "GX509",
	Slug:   "timeout-cuts-streams",
	Levels: []Level{Warning},
	Title:  "A route's timeout bounds whole streams",
	What:   "Finds `timeout` and `retries.perTryTimeout` on rules that lead to an exposed port.",
	Why: "Both run from the request until the end of the response. The response of a stream ends with the stream, so that a stream of " +
		"any kind is cut at that age, however busy it is. gRPC clients set deadlines for each call themselves.",
	Client: "A stream is reset when the time is over: INTERNAL, if something has been answered already. " +
		"A call that takes longer to its first answer gets UNAVAILABLE.",
	Bad: routedServer + routingGateway + routeWith(`  - timeout: 15s
    route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Good: routedServer + routingGateway + routeWith(`  - route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Reads:    routeReads,
	Consults: routeConsults,
	Since:    "v0.1.0",
	Run: func(p *Pass) {
		p.eachRoute(func(rule *mesh.HTTPRule) {
			ports, ok := p.carriesGRPC(rule)
			if !ok {
				return
			}
			if limit := rule.Spec.GetTimeout().AsDuration(); limit > 0 {
				reportTimeout(p, rule, ports, limit, hasTimeout, "timeout")
			}
			if limit := rule.Spec.GetRetries().GetPerTryTimeout().AsDuration(); limit > 0 {
				reportTimeout(p, rule, ports, limit, hasPerTryTimeout, "retries", "perTryTimeout")
			}
		})
	},
}

func hasTimeout(rule *networkingapi.HTTPRoute) bool { return rule.GetTimeout() != nil }

func hasPerTryTimeout(rule *networkingapi.HTTPRoute) bool {
	return rule.GetRetries().GetPerTryTimeout() != nil
}

func reportTimeout(
	p *Pass, rule *mesh.HTTPRule, ports []*mesh.ExposedPort, limit time.Duration, has func(*networkingapi.HTTPRoute) bool, field ...string,
) {
	vs, index := writtenIn(rule, has)
	name := field[len(field)-1]
	path := append([]string{"spec", "http", fmt.Sprint(index)}, field...)
	p.Report(Finding{
		Object: vs,
		Path:   pathText(path),
		Message: fmt.Sprintf("The %s of %s ends every stream to %s after %s.",
			name, ruleText(vs, index), behindText(ports), limit),
		Evidence: behindEvidence(ports),
		Symptom:  "INTERNAL (RST_STREAM) in the middle of a stream, UNAVAILABLE (504) where nothing has been answered yet",
		Fix: Fix{
			Text:    fmt.Sprintf("Delete %s (istiod refuses 0s), and let the clients set deadlines.", name),
			Level:   Ask,
			Changes: setField(vs, "it bounds whole streams", nil, path...),
		},
	})
}
