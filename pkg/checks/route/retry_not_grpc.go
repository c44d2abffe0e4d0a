package route

import (
	"fmt"
	"strconv"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

var retryNotGRPC = &checks.Check{
	ID:     "GX510",
	Slug:   "retry-not-grpc",
	Levels: []checks.Level{checks.Info},
	Title:  "Retries have only conditions of HTTP",
	What: "Finds `retries.retryOn` on rules that lead to an exposed port, where every condition is about the HTTP status: `5xx`, " +
		"`gateway-error`, `retriable-4xx`, `retriable-status-codes`, `envoy-ratelimited`, or a status code.",
	Why: "A gRPC call that fails in the server travels as HTTP 200 with the trailer `grpc-status`, so these conditions do not see it. " +
		"Envoy has conditions of its own for gRPC: `unavailable`, `cancelled`, `deadline-exceeded`, `internal`, `resource-exhausted`.",
	Client: "Failures of the server come through to the client, although retries are configured.",
	Bad: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - retries: {attempts: 3, retryOn: "5xx,gateway-error"}
    route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Good: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - retries: {attempts: 3, retryOn: "5xx,gateway-error,unavailable"}
    route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Reads:    checks.RouteReads,
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		eachRoute(p, func(rule *host.HTTPRule) {
			retries := rule.Spec.GetRetries()
			ports, ok := carriesGRPC(p, rule)
			if !ok || retries.GetAttempts() == 0 || !onlyHTTPConditions(retries.GetRetryOn()) {
				return
			}
			vs, index := writtenIn(rule, func(r *networkingapi.HTTPRoute) bool { return r.GetRetries() != nil })
			p.Report(checks.Finding{
				Object:   vs,
				Path:     httpField(index, "retries", "retryOn"),
				Message:  fmt.Sprintf("The retries of %s are for HTTP statuses only (%s).", ruleText(vs, index), retries.RetryOn),
				Evidence: behindEvidence(ports),
				Symptom:  "a call that the server answers with UNAVAILABLE is not tried again",
				Fix: checks.Fix{
					Text:     "Add the conditions of gRPC that are safe to retry, as unavailable.",
					Level:    checks.Ask,
					OnWordOf: checks.OnWordOf(ports...),
					Changes: checks.SetField(p, vs, "gRPC failures travel as HTTP 200", strings.TrimRight(retries.RetryOn, ", ")+",unavailable",
						"spec", "http", fmt.Sprint(index), "retries", "retryOn"),
				},
			})
		})
	},
}

// httpConditions are Envoy's retry conditions that look at the HTTP status.
// Source: Envoy's documentation of x-envoy-retry-on; numbers are Istio's (pilot/pkg/networking/core/route/retry/retry.go).
var httpConditions = map[string]bool{
	"5xx": true, "gateway-error": true, "retriable-4xx": true, "retriable-status-codes": true, "envoy-ratelimited": true,
	"retriable-headers": true,
}

func onlyHTTPConditions(retryOn string) bool {
	found := false
	for condition := range strings.SplitSeq(retryOn, ",") {
		condition = strings.TrimSpace(condition)
		if condition == "" {
			continue
		}
		if _, err := strconv.Atoi(condition); err != nil && !httpConditions[condition] {
			return false
		}
		found = true
	}
	return found
}
