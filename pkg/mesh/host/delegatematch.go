package host

import (
	"maps"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
)

// mergeMatches combines the matches of a rule that delegates with those of a delegate's rule: each of the delegate's with
// each of the root's that does not contradict it. ok is false where one of the delegate's contradicts all of the root's;
// istiod then leaves the whole rule out. Gateway names come out resolved.
// Source: Istio's pilot/pkg/model/virtualservice.go (mergeHTTPMatchRequests).
func mergeMatches(root, sub []*networkingapi.HTTPMatchRequest, rootNamespace, subNamespace string) (merged []*networkingapi.HTTPMatchRequest, ok bool) {
	root, sub = withResolvedGateways(root, rootNamespace), withResolvedGateways(sub, subNamespace)
	if len(root) == 0 {
		return sub, true
	}
	if len(sub) == 0 {
		return root, true
	}
	for _, leaf := range sub {
		before := len(merged)
		for _, parent := range root {
			if !contradicts(parent, leaf) {
				merged = append(merged, mergeMatch(parent, leaf))
			}
		}
		if len(merged) == before {
			return nil, false
		}
	}
	return merged, true
}

func withResolvedGateways(matches []*networkingapi.HTTPMatchRequest, namespace string) []*networkingapi.HTTPMatchRequest {
	var resolved []*networkingapi.HTTPMatchRequest
	for _, match := range matches {
		if match == nil {
			match = &networkingapi.HTTPMatchRequest{}
		}
		match = match.DeepCopy()
		for i, name := range match.Gateways {
			match.Gateways[i] = ResolveGatewayName(name, namespace)
		}
		resolved = append(resolved, match)
	}
	return resolved
}

// mergeMatch adds to a delegate's match what only the root's says.
// Source: Istio's pilot/pkg/model/virtualservice.go (mergeHTTPMatchRequest).
func mergeMatch(root, leaf *networkingapi.HTTPMatchRequest) *networkingapi.HTTPMatchRequest {
	merged := leaf.DeepCopy()
	merged.Name = strings.Trim(root.Name+"-"+leaf.Name, "-")
	if merged.Uri == nil {
		merged.Uri = root.Uri
	}
	if merged.Scheme == nil {
		merged.Scheme = root.Scheme
	}
	if merged.Method == nil {
		merged.Method = root.Method
	}
	if merged.Authority == nil {
		merged.Authority = root.Authority
	}
	merged.Headers = mergeMaps(root.Headers, leaf.Headers)
	merged.WithoutHeaders = mergeMaps(root.WithoutHeaders, leaf.WithoutHeaders)
	merged.QueryParams = mergeMaps(root.QueryParams, leaf.QueryParams)
	merged.SourceLabels = mergeMaps(root.SourceLabels, leaf.SourceLabels)
	if merged.Port == 0 {
		merged.Port = root.Port
	}
	if merged.SourceNamespace == "" {
		merged.SourceNamespace = root.SourceNamespace
	}
	if len(merged.Gateways) == 0 {
		merged.Gateways = root.Gateways
	}
	return merged
}

func mergeMaps[V any](base, over map[string]V) map[string]V {
	if len(base) == 0 {
		return over
	}
	merged := maps.Clone(base)
	maps.Copy(merged, over)
	return merged
}

// contradicts reports whether a delegate's match asks for what the root's does not let through.
// Source: Istio's pilot/pkg/model/virtualservice.go (hasConflict).
func contradicts(root, leaf *networkingapi.HTTPMatchRequest) bool {
	switch {
	case valuesContradict(root.Uri, leaf.Uri),
		valuesContradict(root.Scheme, leaf.Scheme),
		valuesContradict(root.Method, leaf.Method),
		valuesContradict(root.Authority, leaf.Authority),
		mapsContradict(root.Headers, leaf.Headers),
		mapsContradict(root.WithoutHeaders, leaf.WithoutHeaders),
		mapsContradict(root.QueryParams, leaf.QueryParams):
		return true
	case root.IgnoreUriCase != leaf.IgnoreUriCase,
		root.Port > 0 && leaf.Port > 0 && root.Port != leaf.Port,
		root.SourceNamespace != "" && leaf.SourceNamespace != root.SourceNamespace:
		return true
	}
	for key, value := range leaf.SourceLabels {
		if rootValue, ok := root.SourceLabels[key]; ok && rootValue != value {
			return true
		}
	}
	notInRoot := func(name string) bool { return !slices.Contains(root.Gateways, name) }
	return len(root.Gateways) > 0 && slices.ContainsFunc(leaf.Gateways, notInRoot)
}

func mapsContradict(root, leaf map[string]*networkingapi.StringMatch) bool {
	for key, value := range leaf {
		if valuesContradict(root[key], value) {
			return true
		}
	}
	return false
}

// valuesContradict reports whether a delegate's condition is not within the root's. Beside a regular expression istiod allows no
// second condition at all.
// Source: Istio's pilot/pkg/model/virtualservice.go (stringMatchConflict).
func valuesContradict(root, leaf *networkingapi.StringMatch) bool {
	if root == nil || leaf == nil {
		return false
	}
	if exact := root.GetExact(); exact != "" {
		return leaf.GetExact() != exact
	}
	if prefix := root.GetPrefix(); prefix != "" {
		within := leaf.GetPrefix() + leaf.GetExact()
		return within == "" || !strings.HasPrefix(within, prefix)
	}
	return true
}
