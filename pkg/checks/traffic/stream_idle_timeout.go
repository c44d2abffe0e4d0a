package traffic

import (
	"fmt"
	"slices"
	"time"

	meshapi "istio.io/api/mesh/v1alpha1"
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

// shortIdle is the time without a message after which ending a stream surprises its users.
const shortIdle = 5 * time.Minute

var streamIdleTimeout = &checks.Check{
	ID:     "GX606",
	Slug:   "stream-idle-timeout",
	Levels: []checks.Level{checks.Warning},
	Title:  "Quiet streams are cut off within minutes",
	What: "The proxy config gives gateways the connection profile `EDGE` (or a short stream idle timeout), or an EnvoyFilter sets a stream or " +
		"route idle timeout of five minutes or less, on the way of an exposed port.",
	Why: "Istio switches Envoy's stream idle timeout off. The profile `EDGE` brings it back with 5 minutes, and a request timeout of 5 minutes, " +
		"which bounds how long a client may go on streaming. The idle timeout of a connection pool is another thing: it counts only while no call " +
		"is in progress.",
	Client: "UNAVAILABLE or DEADLINE_EXCEEDED in the middle of a stream that has been quiet for that long.",
	Bad: example.ShopServer + example.ShopRoute + `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: idle, namespace: istio-system}
spec:
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: NETWORK_FILTER
    match:
      context: GATEWAY
      listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}
    patch:
      operation: MERGE
      value:
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stream_idle_timeout: 30s
`,
	Good: example.ShopServer + example.ShopRoute + `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: idle, namespace: istio-system}
spec:
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: NETWORK_FILTER
    match:
      context: GATEWAY
      listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}
    patch:
      operation: MERGE
      value:
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stream_idle_timeout: 3600s
`,
	Reads:    checks.PolicyReads(mesh.KindEnvoyFilter, mesh.KindConfigMap),
	Consults: checks.PolicyConsults(mesh.KindEnvoyFilter, mesh.KindConfigMap),
	Since:    "v0.1.0",
	Run:      runStreamIdleTimeout,
}

func runStreamIdleTimeout(p *checks.Pass) {
	setters := indexPatches(p, setsIdleTimeout)
	judgeConnectionSettings(p, setters)
	eachPatch(p, func(patch policy.EnvoyPatch, hop hop) (done bool) {
		field, timeout, short := shortIdleTimeout(patch)
		if !short {
			return true
		}
		if isOverridden(p, hop, setters, setters.rank(patch), isOfRoutes(patch)) {
			return false
		}
		p.Report(checks.Finding{
			Object: patch.Filter,
			Path:   plan.PathOf("spec", "configPatches", patch.Index, "patch", "value", field),
			Message: fmt.Sprintf("The filter ends streams through %s to %s that are without a message for %s.",
				hop.name, host.ServiceHost(hop.port.Service), timeout),
			Evidence: checks.EvidenceOf(hop.port),
			Symptom:  "UNAVAILABLE or DEADLINE_EXCEEDED in the middle of a quiet stream",
			Fix:      checks.Fix{Text: "Set the timeout to 0s (off), or well above the longest silence of your streams."},
		})
		return true
	})
}

// setsIdleTimeout reports whether a patch sets a timeout for quiet streams, be it long or off.
func setsIdleTimeout(patch policy.EnvoyPatch) bool {
	sets := false
	walkValues(patch.Value, nil, func(path []string, _ any) { sets = sets || endsQuietStreams(path) })
	return sets && patch.Spec.GetApplyTo() != networkingapi.EnvoyFilter_CLUSTER
}

func isOfRoutes(patch policy.EnvoyPatch) bool {
	return patch.Spec.GetApplyTo() == networkingapi.EnvoyFilter_HTTP_ROUTE
}

// isOverridden reports whether another patch sets the timeout of a proxy's quiet streams instead of the one of that rank: a later one of
// the same kind, or one of routes, which counts before the connection manager's.
// Source: Envoy's envoy/config/route/v3/route_components.proto (RouteAction.idle_timeout).
func isOverridden(p *checks.Pass, of hop, setters patchIndex, rank int, ofRoutes bool) bool {
	return setters.any(of, func(other rankedPatch) bool {
		counts := isOfRoutes(other.EnvoyPatch) && !ofRoutes || isOfRoutes(other.EnvoyPatch) == ofRoutes && other.rank > rank
		return counts && policy.AppliesTo(p.Snapshot, other.EnvoyPatch, of.ProxyHop) == policy.Always
	})
}

// shortIdleTimeout finds the shortest timeout for quiet streams that a patch sets; short is false for none that is short.
func shortIdleTimeout(patch policy.EnvoyPatch) (field plan.Path, timeout time.Duration, short bool) {
	if patch.Spec.GetApplyTo() == networkingapi.EnvoyFilter_CLUSTER {
		return nil, 0, false // there idle timeouts are those of connections
	}
	walkValues(patch.Value, nil, func(path []string, value any) {
		text, isText := value.(string)
		if !isText || !endsQuietStreams(path) {
			return
		}
		set, err := time.ParseDuration(text)
		if err == nil && set > 0 && set <= shortIdle && (!short || set < timeout) {
			field, timeout, short = slices.Clone(path), set, true
		}
	})
	return field, timeout, short
}

// endsQuietStreams reports whether a field is the stream idle timeout of a connection manager, or the idle timeout of a route.
func endsQuietStreams(path []string) bool {
	last := len(path) - 1
	switch {
	case last < 0:
		return false
	case path[last] == "stream_idle_timeout" || path[last] == "streamIdleTimeout":
		return true
	}
	return last > 0 && path[last-1] == "route" && (path[last] == "idle_timeout" || path[last] == "idleTimeout")
}

// judgeConnectionSettings judges the proxy config of each gateway on the way: an annotation of its pods, else the mesh config.
// EnvoyFilters change what came of it.
func judgeConnectionSettings(p *checks.Pass, setters patchIndex) {
	seen := map[mesh.Key]bool{}
	for _, port := range checks.PortsInScope(p) {
		for _, gateway := range exposure.GatewaysTo(p.Snapshot, port) {
			settings, from := proxy.ConnectionSettingsOf(p.Snapshot, gateway)
			timeout, why := streamIdleOf(settings)
			if from == nil || timeout == 0 || timeout > shortIdle || seen[mesh.KeyOf(from)] || isReplaced(p, port, gateway, setters) {
				continue
			}
			seen[mesh.KeyOf(from)] = true
			symptom, fix := "UNAVAILABLE or DEADLINE_EXCEEDED in the middle of a quiet stream", "Set connectionSettings.httpStreamIdleTimeout to 0s (off), or well "+
				"above the longest silence of your streams."
			if settings.GetProfile() == meshapi.ProxyConfig_ConnectionSettings_EDGE {
				symptom += ", and of a client's stream after 5 minutes"
				fix = "Set connectionSettings.httpStreamIdleTimeout and httpRequestTimeout to 0s beside the profile, or leave the profile out."
			}
			path := plan.PathOf("data", "mesh")
			if mesh.KeyOf(from).Kind != mesh.KindConfigMap {
				path = plan.PathOf("spec", "template", "metadata", "annotations", proxy.AnnotationProxyConfig)
			}
			p.Report(checks.Finding{
				Object: from,
				Path:   path,
				Message: fmt.Sprintf("The proxy config makes %s end streams that are without a message for %s (%s).",
					checks.GatewayText(gateway), timeout, why),
				Evidence: []string{fmt.Sprintf("it leads to %s of Service %s/%s", checks.PortText(port), port.Service.Namespace, port.Service.Name)},
				Symptom:  symptom,
				Fix:      checks.Fix{Text: fix},
			})
		}
	}
}

// isReplaced reports whether patches set the timeout of quiet streams on all the gateway's routes to the port.
func isReplaced(p *checks.Pass, port *exposure.ExposedPort, gateway *proxy.GatewayWorkload, setters patchIndex) bool {
	return len(setters.ranks) > 0 && !slices.ContainsFunc(hopsTo(p, port), func(hop hop) bool {
		return hop.gateway == gateway && !isOverridden(p, hop, setters, -1, false)
	})
}

// streamIdleOf is the stream idle timeout of a gateway with these settings, 0 for none, and what sets it.
// Source: Istio's pilot/pkg/networking/core/connection_settings.go (applyEdgeProfileDefaults).
func streamIdleOf(settings *meshapi.ProxyConfig_ConnectionSettings) (timeout time.Duration, why string) {
	switch {
	case settings.GetHttpStreamIdleTimeout() != nil:
		return settings.GetHttpStreamIdleTimeout().AsDuration(), "connectionSettings.httpStreamIdleTimeout"
	case settings.GetProfile() == meshapi.ProxyConfig_ConnectionSettings_EDGE:
		return 5 * time.Minute, "connectionSettings.profile EDGE"
	}
	return 0, ""
}
