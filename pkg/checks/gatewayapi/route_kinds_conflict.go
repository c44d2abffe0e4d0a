package gatewayapi

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var routeKindsConflict = &checks.Check{
	ID:     "GX811",
	Slug:   "route-kinds-conflict",
	Levels: []checks.Level{checks.Warning, checks.Info},
	Title:  "A GRPCRoute and an HTTPRoute share a hostname on one listener",
	What: "A GRPCRoute and an HTTPRoute of one namespace have the same hostname on the same listener, and istiod is of a version that serves only " +
		"one of them (1.26.2 to 1.29.0; where the version is not known, this is advice).",
	Why: "These versions make one VirtualService for each hostname of a listener and kind of route, and both kinds give it the same name: the " +
		"HTTPRoute's counts, and the GRPCRoute is not programmed, though the status of both says Accepted.",
	Client:   "UNIMPLEMENTED: the gateway answers 404, or the HTTPRoute's backend answers.",
	Bad:      example.ShopServer + example.ShopAPIGateway + example.ShopAPIRoute + exampleSite("orders.example.com"),
	Good:     example.ShopServer + example.ShopAPIGateway + example.ShopAPIRoute + exampleSite("www.example.com"),
	Reads:    append(append([]mesh.Kind{}, apiRouteReads...), mesh.KindDeployment),
	Consults: append(checks.WithoutKinds(apiRouteConsults, mesh.KindDeployment), mesh.KindWebhook),
	Since:    "v0.1.0",
	Run:      runRouteKindsConflict,
}

// exampleSite is a site beside the server, and its route.
func exampleSite(hostname string) string {
	return `---
apiVersion: v1
kind: Service
metadata: {name: site, namespace: shop}
spec:
  clusterIP: 10.96.44.20
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: site, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  hostnames: [` + hostname + `]
  rules:
  - backendRefs: [{name: site, port: 80}]
`
}

// hostOnListener is what istiod names the VirtualService of routes by.
// Source: Istio's pilot/pkg/config/kube/gateway/route_collections.go (mergeHTTPRoutes); controller.go merges both kinds since 1.29.1.
type hostOnListener struct {
	owner     mesh.Key
	listener  gatewayv1.SectionName
	namespace string
	hostname  string
}

func runRouteKindsConflict(p *checks.Pass) {
	level, version := conflictLevel(p)
	if level == "" {
		return
	}
	http := map[hostOnListener]*gatewayapi.APIRoute{}
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		if !route.GRPC() {
			for _, at := range hostsOnListeners(p, route) {
				http[at] = cmp.Or(http[at], route)
			}
		}
	}
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		if !route.GRPC() {
			continue
		}
		for _, at := range hostsOnListeners(p, route) {
			if other := http[at]; other != nil {
				p.Report(checks.Finding{
					Level: level, Object: route.Object, Path: plan.PathOf("spec", "hostnames"),
					Message: fmt.Sprintf("HTTPRoute %s/%s has the hostname %s on the same listener: istiod serves only one of the two routes, and not this one.",
						other.Key.Namespace, other.Key.Name, at.hostname),
					Evidence: []string{version, fmt.Sprintf("both are on listener %q of %s", at.listener, at.owner)},
					Symptom:  "UNIMPLEMENTED: the gateway answers 404, or the calls go to the HTTPRoute's backend",
					Fix:      checks.Fix{Text: "Give one of the routes another hostname, route the gRPC calls with rules of the HTTPRoute (path /package.Service/), or upgrade istiod beyond 1.29.0."},
				})
				break
			}
		}
	}
}

func hostsOnListeners(p *checks.Pass, route *gatewayapi.APIRoute) []hostOnListener {
	names := route.Hostnames
	if len(names) == 0 {
		names = []string{"*"}
	}
	var found []hostOnListener
	for _, parent := range routeParents(p, route) {
		if parent.Gateway == nil || !gatewayapi.IsIstioIngress(p.Snapshot, parent.Gateway) {
			continue
		}
		for _, match := range parent.Listeners {
			if match.Attachment != gatewayapi.Attached {
				continue
			}
			for _, name := range names {
				found = append(found, hostOnListener{mesh.KeyOf(ownerOf(parent)), match.Listener.Name, route.Key.Namespace, name})
			}
		}
	}
	return found
}

// conflictLevel is how sure it is that istiod serves only one of the routes, by its version, and the version as a clause; empty where no
// control plane has the fault.
func conflictLevel(p *checks.Pass) (level checks.Level, version string) {
	for _, plane := range proxy.ControlPlanes(p.Snapshot) {
		number, known := versionNumber(plane.Version)
		switch {
		case !known && level == "":
			level, version = checks.Info, "the version of istiod is not known"
		case known && versionNumber3(1, 26, 2) <= number && number <= versionNumber3(1, 29, 0):
			return checks.Warning, "istiod has version " + plane.Version
		}
	}
	if len(proxy.ControlPlanes(p.Snapshot)) == 0 {
		return checks.Info, "the version of istiod is not known"
	}
	return level, version
}

func versionNumber3(major, minor, patch int) int { return (major*1000+minor)*1000 + patch }

// versionNumber orders versions as "1.26.4" or "v1.26.4-tcm.1".
func versionNumber(version string) (number int, ok bool) {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "-")
	parts := strings.Split(version, ".")
	if len(parts) < 2 {
		return 0, false
	}
	var numbers [3]int
	for i, part := range parts[:min(3, len(parts))] {
		value, err := strconv.Atoi(part)
		if err != nil {
			return 0, false
		}
		numbers[i] = value
	}
	return versionNumber3(numbers[0], numbers[1], numbers[2]), true
}
