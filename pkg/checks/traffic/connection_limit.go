package traffic

import (
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// fewRequests is the number of concurrent calls or connections below which a limit bites at ordinary traffic.
const fewRequests = 10

var connectionLimit = &checks.Check{
	ID:     "GX602",
	Slug:   "connection-limit",
	Levels: []checks.Level{checks.Warning},
	Title:  "Connection pool limits refuse ordinary gRPC traffic",
	What: fmt.Sprintf("A DestinationRule gives the host of an exposed port `maxRequestsPerConnection: 1`, or `http2MaxRequests` or "+
		"`maxConnections` below %d.", fewRequests),
	Why: "These limits are often copied to \"force\" balancing over HTTP/1.1 connections. A gateway balances each request anyway. " +
		"`http2MaxRequests` bounds the calls in progress to all pods together, streams included; `maxRequestsPerConnection: 1` makes a new " +
		"connection, with its TLS handshake, for every call.",
	Client: "UNAVAILABLE (overflow) as soon as more calls are in progress than the limit allows, or latency from a handshake for each call.",
	Bad: example.ShopServer + example.ShopRoute + `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec:
  host: orders
  trafficPolicy:
    connectionPool:
      http: {http2MaxRequests: 1, maxRequestsPerConnection: 1}
`,
	Good: example.ShopServer + example.ShopRoute + `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec:
  host: orders
  trafficPolicy:
    connectionPool:
      http: {http2MaxRequests: 1000}
`,
	Reads:    checks.PolicyReads(mesh.KindDestinationRule, mesh.KindConfigMap),
	Consults: checks.PolicyConsults(mesh.KindDestinationRule, mesh.KindConfigMap),
	Since:    "v0.1.0",
	Run:      runConnectionLimit,
}

func runConnectionLimit(p *checks.Pass) {
	checks.EachPolicy(p, func(port *exposure.ExposedPort, c checks.Caller, policy policy.TrafficPolicy) (string, func()) {
		limits := tightLimits(policy.ConnectionPool)
		if len(limits) == 0 {
			return "", nil
		}
		if policy.ConnectionPoolAt.Rule == nil {
			return "mesh config", func() { reportMeshLimits(p, port, c, limits) }
		}
		place := policy.ConnectionPoolAt
		return mesh.KeyOf(place.Rule).String() + checks.PlacePath(place).String(), func() {
			var names []string
			var paths [][]string
			for _, limit := range limits {
				names = append(names, fmt.Sprintf("%s: %d", limit.path[1], limit.value))
				paths = append(paths, slices.Concat(place.Steps, limit.path))
			}
			p.Report(checks.Finding{
				Object:  place.Rule,
				Path:    checks.PlacePath(place, limits[0].path...),
				Message: fmt.Sprintf("The connection pool of %s is limited to %s.", host.ServiceHost(port.Service), strings.Join(names, " and ")),
				Evidence: append([]string{
					fmt.Sprintf("%s uses this rule for %s", c, checks.PortText(port)),
				}, checks.EvidenceOf(port)...),
				Symptom: limitsSymptom(limits),
				Fix: checks.Fix{
					Text:     limitsFix(limits),
					Level:    checks.Ask,
					OnWordOf: checks.OnWordOf(port),
					Changes:  checks.RemoveFields(p, place.Rule, "gateways balance each request without such limits", paths...),
				},
			})
		}
	})
}

// reportMeshLimits is about the pool of the mesh config's defaultTrafficPolicy, which counts where no DestinationRule has one.
func reportMeshLimits(p *checks.Pass, port *exposure.ExposedPort, c checks.Caller, limits []limit) {
	config := proxy.DefaultMeshConfig(p.Snapshot).ConfigMap
	if config == nil {
		return
	}
	var names []string
	for _, limit := range limits {
		names = append(names, fmt.Sprintf("%s: %d", limit.path[1], limit.value))
	}
	p.Report(checks.Finding{
		Object: config,
		Path:   plan.PathOf("data", "mesh"),
		Message: fmt.Sprintf("The mesh config's defaultTrafficPolicy limits the connection pool of every host without one of its own to %s, %s too.",
			strings.Join(names, " and "), host.ServiceHost(port.Service)),
		Evidence: append([]string{fmt.Sprintf("no DestinationRule that %s uses has a connectionPool for %s", c, checks.PortText(port))}, checks.EvidenceOf(port)...),
		Symptom:  limitsSymptom(limits),
		Fix:      checks.Fix{Text: limitsFix(limits) + " Or give the host a DestinationRule with a connectionPool of its own."},
	})
}

// isHandshake reports whether a limit refuses nothing, but makes a connection for each call.
func (l limit) isHandshake() bool { return l.path[1] == "maxRequestsPerConnection" }

func limitsSymptom(limits []limit) string {
	var symptoms []string
	if slices.ContainsFunc(limits, func(l limit) bool { return !l.isHandshake() }) {
		symptoms = append(symptoms, "UNAVAILABLE (upstream connect error, overflow) when more calls are in progress")
	}
	if slices.ContainsFunc(limits, limit.isHandshake) {
		symptoms = append(symptoms, "slow calls: each makes a connection of its own, with its handshake")
	}
	return checks.UpperFirst(strings.Join(symptoms, "; "))
}

func limitsFix(limits []limit) string {
	if slices.ContainsFunc(limits, func(l limit) bool { return !l.isHandshake() }) {
		return "Remove the limits, or raise them far above the number of calls in progress."
	}
	return "Remove maxRequestsPerConnection: connections then serve many calls, and each call is balanced anyway."
}

type limit struct {
	// path leads from the connection pool to the field.
	path  []string
	value int32
}

func tightLimits(pool *networkingapi.ConnectionPoolSettings) []limit {
	var limits []limit
	if value := pool.GetHttp().GetHttp2MaxRequests(); value > 0 && value < fewRequests {
		limits = append(limits, limit{[]string{"http", "http2MaxRequests"}, value})
	}
	if value := pool.GetHttp().GetMaxRequestsPerConnection(); value == 1 {
		limits = append(limits, limit{[]string{"http", "maxRequestsPerConnection"}, value})
	}
	if value := pool.GetTcp().GetMaxConnections(); value > 0 && value < fewRequests {
		limits = append(limits, limit{[]string{"tcp", "maxConnections"}, value})
	}
	return limits
}
