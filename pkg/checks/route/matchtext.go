package route

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
)

// callsText says which calls a match takes: "every call", or "calls with uri prefix /shop.v1. and header x-canary exact true".
func callsText(match *networkingapi.HTTPMatchRequest) string {
	conditions := conditionTexts(match)
	if len(conditions) == 0 {
		return "every call"
	}
	return "calls " + strings.Join(conditions, " and ")
}

// conditionTexts are the conditions of a match that are for calls, each as a clause with its preposition.
func conditionTexts(match *networkingapi.HTTPMatchRequest) []string {
	var clauses []string
	add := func(field string, value *networkingapi.StringMatch) {
		if value != nil {
			clauses = append(clauses, "with "+field+stringMatchText(value))
		}
	}
	addAll := func(field string, values map[string]*networkingapi.StringMatch) {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			clauses = append(clauses, field+name+stringMatchText(values[name]))
		}
	}
	add("uri", match.GetUri())
	if match.GetUri() != nil && match.GetIgnoreUriCase() {
		clauses[0] += " in whatever case"
	}
	add("method", match.GetMethod())
	add("scheme", match.GetScheme())
	add("authority", match.GetAuthority())
	addAll("with header ", match.GetHeaders())
	addAll("without header ", match.GetWithoutHeaders())
	addAll("with query parameter ", match.GetQueryParams())
	if match.GetPort() != 0 {
		clauses = append(clauses, fmt.Sprintf("on port %d", match.GetPort()))
	}
	if match.GetSourceNamespace() != "" {
		clauses = append(clauses, "from namespace "+match.GetSourceNamespace())
	}
	for _, key := range slices.Sorted(maps.Keys(match.GetSourceLabels())) {
		clauses = append(clauses, fmt.Sprintf("from pods with label %s=%s", key, match.SourceLabels[key]))
	}
	return clauses
}

// stringMatchText is how a value is compared and with what, after a space; nothing where any value will do.
func stringMatchText(value *networkingapi.StringMatch) string {
	switch match := value.GetMatchType().(type) {
	case *networkingapi.StringMatch_Exact:
		return " exact " + cmp.Or(match.Exact, `""`)
	case *networkingapi.StringMatch_Prefix:
		return " prefix " + cmp.Or(match.Prefix, `""`)
	case *networkingapi.StringMatch_Regex:
		return " regex " + match.Regex
	default:
		return ""
	}
}
