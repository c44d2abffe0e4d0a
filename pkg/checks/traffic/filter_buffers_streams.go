package traffic

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var filterBuffersStreams = &checks.Check{
	ID:     "GX607",
	Slug:   "filter-buffers-streams",
	Levels: []checks.Level{checks.Warning},
	Title:  "A filter holds calls back until they are complete",
	What: "An EnvoyFilter puts a buffering filter on the way of an exposed port: the buffer filter, the file system buffer, a Lua script " +
		"that reads the whole body with `body()`, or an external authorization `with_request_body`; or an AuthorizationPolicy with action CUSTOM " +
		"there asks a provider that has `includeRequestBodyInCheck`.",
	Why: "Such a filter waits for the end of a message stream before it passes anything on. A client stream ends only when the client is done, " +
		"and a bidirectional one may wait for an answer first.",
	Client: "Streaming calls stall or end with DEADLINE_EXCEEDED; calls above the buffer's limit end with UNKNOWN or RESOURCE_EXHAUSTED.",
	Bad: example.ShopServer + example.ShopRoute + exampleLua + `
            inline_string: |
              function envoy_on_request(handle)
                handle:logInfo(handle:body():length())
              end
`,
	Good: example.ShopServer + example.ShopRoute + exampleLua + `
            inline_string: |
              function envoy_on_request(handle)
                handle:logInfo(handle:headers():get(":path"))
              end
`,
	Reads:    checks.PolicyReads(mesh.KindEnvoyFilter, mesh.KindAuthorizationPolicy, mesh.KindConfigMap),
	Consults: append(checks.PolicyConsults(mesh.KindEnvoyFilter, mesh.KindAuthorizationPolicy, mesh.KindConfigMap), mesh.KindServiceEntry),
	Since:    "v0.1.0",
	Run:      runFilterBuffersStreams,
}

// exampleLua is an EnvoyFilter with a Lua script, as far as the script.
const exampleLua = `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: audit, namespace: istio-system}
spec:
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: GATEWAY
      listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: envoy.filters.http.router}}}}
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.lua
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
          default_source_code:`

func runFilterBuffersStreams(p *checks.Pass) {
	reportBufferingProviders(p)
	switches := indexPatches(p, setsFiltersOfRoutes)
	eachPatch(p, func(patch policy.EnvoyPatch, hop hop) (done bool) {
		what := bufferingFilter(patch)
		if what == "" {
			return true
		}
		if isSwitchedOff(p, patch, hop, switches) {
			return false
		}
		fix := "Keep the filter off gRPC routes: take it out, or set it to disabled in typed_per_filter_config of their routes."
		if what == readingLua {
			fix = "Keep the script off gRPC routes, or let it read bodyChunks() instead of body()."
		}
		p.Report(checks.Finding{
			Object: patch.Filter,
			Path:   plan.PathOf("spec", "configPatches", patch.Index, "patch", "value"),
			Message: fmt.Sprintf("%s in %s holds calls to %s back until they are complete.",
				what, hop.name, host.ServiceHost(hop.port.Service)),
			Evidence: checks.EvidenceOf(hop.port),
			Symptom:  "Streaming calls stall (DEADLINE_EXCEEDED), and large ones are refused",
			Fix:      checks.Fix{Text: fix},
		})
		return true
	})
}

// readingLua names a Lua filter that waits for the whole body.
const readingLua = "A Lua script that reads body()"

// bufferingFilter names the filter of a patch that waits for the whole body, empty for none.
func bufferingFilter(patch policy.EnvoyPatch) string {
	found := ""
	walkValues(patch.Value, nil, func(_ []string, value any) {
		filter, isMessage := value.(map[string]any)
		if !isMessage {
			return
		}
		switch kind := filterType(filter); {
		case kind == "buffer.v3.buffer" || kind == "buffer.v2.buffer":
			found = "The buffer filter"
		case kind == "file_system_buffer.v3.filesystembufferfilterconfig":
			found = "The file system buffer"
		case kind == "ext_authz.v3.extauthz" && (filter["with_request_body"] != nil || filter["withRequestBody"] != nil):
			found = "An external authorization with with_request_body"
		case strings.HasPrefix(kind, "lua.v") && readsBody(filter):
			found = readingLua
		case isFilterNamed(filter, "envoy.buffer"):
			found = "The buffer filter"
		}
	})
	return found
}

// isSwitchedOff reports whether another patch, the last of those that do it either way, switches the filter off on the routes of the hop,
// or that it is off in general and none switches it on there.
// Source: Envoy's envoy/extensions/filters/network/http_connection_manager/v3 (HttpFilter.disabled).
func isSwitchedOff(p *checks.Pass, patch policy.EnvoyPatch, hop hop, switches patchIndex) bool {
	isOff, last := patch.Value["disabled"] == true, -1
	switches.any(hop, func(other rankedPatch) bool {
		applies := policy.AppliesTo(p.Snapshot, other.EnvoyPatch, hop.ProxyHop)
		walkValues(other.Value, nil, func(path []string, value any) {
			if settings, isSettings := value.(map[string]any); isSettings && isForRoute(path, patch.Value["name"]) && other.rank >= last {
				off := settings["disabled"] == true
				if applies == policy.Always || applies == policy.Sometimes && off {
					isOff, last = off, other.rank
				}
			}
		})
		return false
	})
	return isOff
}

// setsFiltersOfRoutes reports whether a patch has settings of filters for single routes, virtual hosts or route configurations.
func setsFiltersOfRoutes(patch policy.EnvoyPatch) bool {
	sets := false
	walkValues(patch.Value, nil, func(path []string, _ any) {
		sets = sets || len(path) > 1 && isForRoute(path, path[len(path)-1])
	})
	return sets
}

// isForRoute reports whether a field holds what a route, virtual host or route configuration sets for the filter of that name.
func isForRoute(path []string, name any) bool {
	last := len(path) - 1
	return last > 0 && path[last] == name && (path[last-1] == "typed_per_filter_config" || path[last-1] == "typedPerFilterConfig")
}

// isFilterNamed serves filters of Envoy's old API, which have a name and no type.
func isFilterNamed(filter map[string]any, name string) bool {
	_, typed := filter["typed_config"]
	return !typed && filter["name"] == name
}

var (
	luaComment  = regexp.MustCompile(`(?s)--\[\[.*?\]\]|--[^\n]*`)
	luaBodyCall = regexp.MustCompile(`:\s*body\s*\(`)
)

// readsBody reports whether a Lua filter's code calls body() on a request or response, which waits for all of it.
func readsBody(filter map[string]any) bool {
	reads := false
	walkValues(filter, nil, func(_ []string, value any) {
		if code, isText := value.(string); isText && luaBodyCall.MatchString(luaComment.ReplaceAllString(code, "")) {
			reads = true
		}
	})
	return reads
}

// filterType is lowerType of a filter's configuration, also of one that Envoy is to find the type of by itself.
// Source: xds/type/v3/typed_struct.proto.
func filterType(filter map[string]any) string {
	kind := lowerType(filter["@type"])
	if strings.HasSuffix(kind, ".typedstruct") {
		return lowerType(cmp.Or(filter["type_url"], filter["typeUrl"]))
	}
	return kind
}

// lowerType is the last part of a message's @type, as "buffer.v3.buffer" of the buffer filter.
func lowerType(value any) string {
	text, _ := value.(string)
	parts := strings.Split(strings.ToLower(text), ".")
	return strings.Join(parts[max(0, len(parts)-3):], ".")
}
