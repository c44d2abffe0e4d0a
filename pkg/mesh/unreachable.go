package mesh

import (
	"fmt"
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
)

// UnreachableRule is an http rule that no gRPC call ever comes to, because rules of the same VirtualService ahead of it take
// all that each of its matches would.
type UnreachableRule struct {
	Rule *HTTPRule
	// By is the first of the rules ahead.
	By *HTTPRule
}

// UnreachableRules are those of one VirtualService, whichever gateway it is bound to: a rule that is only for some gateways,
// ports or callers hides no rule that is for others.
// Source: Istio's pilot/pkg/networking/core/route/route.go (BuildHTTPRoutesForVirtualService): rules keep their order, and
// Envoy takes the first route that matches.
func (s *Snapshot) UnreachableRules(vs *networking.VirtualService) []UnreachableRule {
	var unreachable []UnreachableRule
	ahead, position := newCoverage(), 0
	for _, rule := range s.HTTPRules(vs) {
		var by *HTTPRule
		reached := false
		for _, place := range matchPlaces(rule.Spec) {
			route := &GatewayRoute{Holder: rule.Holder, Match: place, Spec: rule.Spec, rule: rule, position: position}
			route.match = routeMatchOf(route.MatchSpec())
			route.match.conditions = append(route.match.conditions, audienceOf(route.MatchSpec(), rule.Holder.Namespace)...)
			if cover := ahead.covering(route.match); cover != nil && cover.rule != rule {
				if by == nil {
					by = cover.rule
				}
				continue
			}
			reached = true
			ahead.add(route)
			position++
		}
		if !reached && by != nil {
			unreachable = append(unreachable, UnreachableRule{Rule: rule, By: by})
		}
	}
	return unreachable
}

// audienceOf is what decides whether a proxy gets a match at all, as conditions.
// Source: Istio's pilot/pkg/networking/core/route/route.go (TranslateRoute, sourceMatchHTTP).
func audienceOf(match *networkingapi.HTTPMatchRequest, namespace string) []string {
	var audience []string
	if match.GetPort() != 0 {
		audience = append(audience, fmt.Sprintf("for port %d", match.GetPort()))
	}
	var gateways []string
	for _, name := range match.GetGateways() {
		gateways = append(gateways, ResolveGatewayName(name, namespace))
	}
	switch {
	case len(gateways) > 0:
		slices.Sort(gateways)
		audience = append(audience, fmt.Sprint("for gateways ", gateways))
	case match.GetSourceNamespace() != "":
		audience = append(audience, "from namespace "+match.GetSourceNamespace())
	}
	for key, value := range match.GetSourceLabels() {
		audience = append(audience, "from label "+key+"="+value)
	}
	slices.Sort(audience)
	return audience
}
