package mesh

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	securityapi "istio.io/api/security/v1beta1"
)

// ruleJudge holds what a rule's conditions are held against.
type ruleJudge struct {
	call            Call
	policyNamespace string
	trustDomains    []string
}

// attributes of a rule's conditions, as they stand in when[].key.
const (
	attributeSourceIP        = "source.ip"
	attributeNamespace       = "source.namespace"
	attributeServiceAccount  = "source.serviceAccount"
	attributeTrustDomain     = "source.trustDomain"
	attributePrincipal       = "source.principal"
	attributeDestinationPort = "destination.port"
	// attributesOfRequests begin the names of what only HTTP requests have.
	attributesOfRequests = "request."
)

func (j ruleJudge) source(source *securityapi.Source) Match {
	return min(
		j.judge(j.principal, source.GetPrincipals(), source.GetNotPrincipals()),
		j.judge(j.namespace, source.GetNamespaces(), source.GetNotNamespaces()),
		j.judge(j.serviceAccount, source.GetServiceAccounts(), source.GetNotServiceAccounts()),
		j.judge(j.trustDomain, source.GetTrustDomains(), source.GetNotTrustDomains()),
		j.judge(j.address, source.GetIpBlocks(), source.GetNotIpBlocks()),
		j.judge(unknown, source.GetRemoteIpBlocks(), source.GetNotRemoteIpBlocks()),
		j.judgeHTTP(unknown, source.GetRequestPrincipals(), source.GetNotRequestPrincipals()),
	)
}

func (j ruleJudge) operation(operation *securityapi.Operation) Match {
	return min(
		j.judge(j.port, operation.GetPorts(), operation.GetNotPorts()),
		j.judgeHTTP(host, operation.GetHosts(), operation.GetNotHosts()),
		j.judgeHTTP(method, operation.GetMethods(), operation.GetNotMethods()),
		j.judgeHTTP(path, operation.GetPaths(), operation.GetNotPaths()),
	)
}

func (j ruleJudge) condition(condition *securityapi.Condition) Match {
	values, notValues := condition.GetValues(), condition.GetNotValues()
	switch key := condition.GetKey(); {
	case key == attributeSourceIP:
		return j.judge(j.address, values, notValues)
	case key == attributeNamespace:
		return j.judge(j.namespace, values, notValues)
	case key == attributeServiceAccount:
		return j.judge(j.serviceAccount, values, notValues)
	case key == attributeTrustDomain:
		return j.judge(j.trustDomain, values, notValues)
	case key == attributePrincipal:
		return j.judge(j.principal, values, notValues)
	case key == attributeDestinationPort:
		return j.judge(j.port, values, notValues)
	case strings.HasPrefix(key, attributesOfRequests):
		return j.judgeHTTP(unknown, values, notValues)
	default:
		return j.judge(unknown, values, notValues)
	}
}

// judge holds a list of values, one of which must match, and one of values that must not, against the call.
func (j ruleJudge) judge(one func(string) Match, values, notValues []string) Match {
	match := Always
	if len(values) > 0 {
		match = anyOf(one, values)
	}
	if len(notValues) > 0 {
		match = min(match, anyOf(one, notValues).not())
	}
	return match
}

// judgeHTTP is judge for what only HTTP requests have: on a TCP port the condition is left out. (Rules of ALLOW policies never
// come here with one.)
func (j ruleJudge) judgeHTTP(one func(string) Match, values, notValues []string) Match {
	if j.call.TCP {
		return Always
	}
	return j.judge(one, values, notValues)
}

func anyOf(one func(string) Match, values []string) Match {
	match := Never
	for _, value := range values {
		match = max(match, one(value))
	}
	return match
}

// unknown is for what depends on the single call: its token, its headers, its client's address.
func unknown(string) Match { return Sometimes }

func host(pattern string) Match {
	if pattern == "*" {
		return Always
	}
	return Sometimes
}

func (j ruleJudge) principal(pattern string) Match {
	if match, decided := j.identity(); decided {
		return match
	}
	if j.call.ServiceAccount == "" {
		return j.principalOfNamespace(pattern)
	}
	for _, domain := range j.trustDomains {
		if matchesPattern(pattern, domain+"/ns/"+j.call.Namespace+"/sa/"+j.call.ServiceAccount) {
			return Always
		}
	}
	return Never
}

var principalNamespace = regexp.MustCompile(`/ns/([^/*]+)/`)

// principalOfNamespace judges by the namespace alone.
func (j ruleJudge) principalOfNamespace(pattern string) Match {
	if pattern == "*" {
		return Always
	}
	if named := principalNamespace.FindStringSubmatch(pattern); named != nil && named[1] != j.call.Namespace {
		return Never
	}
	return Sometimes
}

// identity decides the conditions on the caller's certificate where nothing is known of it, or where it shows none.
func (j ruleJudge) identity() (match Match, decided bool) {
	switch {
	case j.call.AnyCaller:
		return Sometimes, true
	case !j.call.MutualTLS:
		return Never, true
	}
	return Never, false
}

// namespace patterns may have "*" in any place.
// Source: Istio's pilot/pkg/security/authz/model/generator.go (srcNamespaceGenerator).
func (j ruleJudge) namespace(pattern string) Match {
	if match, decided := j.identity(); decided {
		return match
	}
	expression := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
	return yes(regexp.MustCompile("^" + expression + "$").MatchString(j.call.Namespace))
}

// serviceAccount values are name or namespace/name.
// Source: Istio's pilot/pkg/security/authz/model/generator.go (serviceAccountRegex).
func (j ruleJudge) serviceAccount(value string) Match {
	if match, decided := j.identity(); decided {
		return match
	}
	namespace, name, qualified := strings.Cut(value, "/")
	if !qualified {
		namespace, name = j.policyNamespace, value
	}
	switch {
	case namespace != j.call.Namespace:
		return Never
	case j.call.ServiceAccount == "":
		return Sometimes
	}
	return yes(name == j.call.ServiceAccount)
}

func (j ruleJudge) trustDomain(pattern string) Match {
	if match, decided := j.identity(); decided {
		return match
	}
	return yes(slices.ContainsFunc(j.trustDomains, func(domain string) bool { return matchesPattern(pattern, domain) }))
}

// address judges by the addresses of the caller's pods, which are what the pods' proxies see.
func (j ruleJudge) address(block string) Match {
	prefix, err := parseBlock(block)
	if err != nil || len(j.call.Addresses) == 0 {
		return Sometimes
	}
	inside := 0
	for _, text := range j.call.Addresses {
		if address, err := netip.ParseAddr(text); err == nil && prefix.Contains(address) {
			inside++
		}
	}
	switch inside {
	case 0:
		return Never
	case len(j.call.Addresses):
		return Always
	}
	return Sometimes
}

// parseBlock reads a CIDR, or a single address.
func parseBlock(block string) (netip.Prefix, error) {
	if strings.Contains(block, "/") {
		prefix, err := netip.ParsePrefix(block)
		return prefix.Masked(), err
	}
	address, err := netip.ParseAddr(block)
	if err != nil {
		return netip.Prefix{}, err
	}
	return address.Prefix(address.BitLen())
}

func (j ruleJudge) port(value string) Match {
	number, err := strconv.ParseInt(value, 10, 32)
	return yes(err == nil && int32(number) == j.call.Port)
}

// method judges by what gRPC is: always POST.
func method(pattern string) Match { return yes(matchesPattern(pattern, "POST")) }

// path judges by what the paths of gRPC calls look like: /package.Service/Method, two segments and no more.
func path(pattern string) Match {
	segments := strings.Split(strings.TrimPrefix(pattern, "/"), "/")
	switch {
	case pattern == "*" || pattern == "/*":
		return Always
	case strings.ContainsAny(pattern, "*{"):
		return yesUnless(!strings.HasPrefix(pattern, "/") && !strings.HasPrefix(pattern, "*"))
	default:
		return yesUnless(!strings.HasPrefix(pattern, "/") || len(segments) != 2 || segments[0] == "" || segments[1] == "")
	}
}

func yes(matches bool) Match {
	if matches {
		return Always
	}
	return Never
}

// yesUnless is for conditions that some calls may meet unless none can.
func yesUnless(impossible bool) Match {
	if impossible {
		return Never
	}
	return Sometimes
}

// matchesPattern is Istio's string match: "*" for anything there is, "*x" and "x*" for suffix and prefix, else the value itself.
// Source: Istio's pilot/pkg/security/authz/matcher/string.go (StringMatcherWithPrefix).
func matchesPattern(pattern, value string) bool {
	switch {
	case pattern == "*":
		return value != ""
	case strings.HasPrefix(pattern, "*"):
		return strings.HasSuffix(value, pattern[1:])
	case strings.HasSuffix(pattern, "*"):
		return strings.HasPrefix(value, pattern[:len(pattern)-1])
	}
	return value == pattern
}

// HasHTTPFields says that a rule asks for something that only HTTP requests have.
// Source: the generators in Istio's pilot/pkg/security/authz/model/generator.go that answer "HTTP only".
func HasHTTPFields(rule *securityapi.Rule) bool {
	for _, entry := range rule.GetFrom() {
		if source := entry.GetSource(); len(source.GetRequestPrincipals())+len(source.GetNotRequestPrincipals()) > 0 {
			return true
		}
	}
	for _, entry := range rule.GetTo() {
		operation := entry.GetOperation()
		fields := slices.Concat(
			operation.GetHosts(), operation.GetNotHosts(), operation.GetMethods(), operation.GetNotMethods(),
			operation.GetPaths(), operation.GetNotPaths(),
		)
		if len(fields) > 0 {
			return true
		}
	}
	return slices.ContainsFunc(rule.GetWhen(), func(condition *securityapi.Condition) bool {
		return strings.HasPrefix(condition.GetKey(), attributesOfRequests)
	})
}
