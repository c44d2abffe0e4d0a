package route

import (
	"regexp"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
)

// canBe reports whether a StringMatch lets a value through; one that is not there lets everything through, and so does a regular
// expression that cannot be read here. Envoy matches regular expressions against the whole value.
func canBe(match *networkingapi.StringMatch, value string) bool {
	switch wanted := match.GetMatchType().(type) {
	case *networkingapi.StringMatch_Exact:
		return wanted.Exact == value
	case *networkingapi.StringMatch_Prefix:
		return strings.HasPrefix(value, wanted.Prefix)
	case *networkingapi.StringMatch_Regex:
		// "*" is no regular expression; istiod takes it for any value.
		expression, err := regexp.Compile("^(?:" + wanted.Regex + ")$")
		return wanted.Regex == "*" || err != nil || expression.MatchString(value)
	default:
		return true
	}
}

// mayBeginWithSlash reports whether a regular expression can match a path.
func mayBeginWithSlash(regex string) bool {
	expression, err := regexp.Compile(strings.TrimPrefix(regex, "^"))
	if err != nil {
		return true
	}
	literal, _ := expression.LiteralPrefix()
	return literal == "" || strings.HasPrefix(literal, "/")
}
