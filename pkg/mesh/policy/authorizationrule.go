package policy

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	securityapi "istio.io/api/security/v1beta1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
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
	attributeDestinationIP   = "destination.ip"
	// attributesOfRequests begin the names of what only HTTP requests have.
	attributesOfRequests = "request."
)

// clause is one condition of a rule: one of the values must match, and none of the others.
type clause struct {
	// name and notName are the fields of the values; where is the path of what holds them.
	where, name, notName string
	values, notValues    []string
	one                  func(string) Match
	level                clauseLevel
}

func (c clause) isStated() bool { return len(c.values)+len(c.notValues) > 0 }

// clauseLevel says who can judge a condition.
type clauseLevel int

const (
	// ofConnection conditions are judged by sidecars and by ztunnel.
	ofConnection clauseLevel = iota
	// ofHTTP conditions are left out by sidecars on TCP ports, and by ztunnel.
	ofHTTP
	// ofProxy conditions are judged by sidecars on every port, and left out by ztunnel.
	ofProxy
	// overlooked conditions are ofProxy, and istiod does not notice that ztunnel leaves them out.
	overlooked
)

func (j ruleJudge) source(where string, source *securityapi.Source) []clause {
	return []clause{
		{where, "principals", "notPrincipals", source.GetPrincipals(), source.GetNotPrincipals(), j.principal, ofConnection},
		{where, "namespaces", "notNamespaces", source.GetNamespaces(), source.GetNotNamespaces(), j.namespace, ofConnection},
		{where, "serviceAccounts", "notServiceAccounts", source.GetServiceAccounts(), source.GetNotServiceAccounts(), j.serviceAccount, ofConnection},
		{where, "trustDomains", "notTrustDomains", source.GetTrustDomains(), source.GetNotTrustDomains(), j.trustDomain, overlooked},
		{where, "ipBlocks", "notIpBlocks", source.GetIpBlocks(), source.GetNotIpBlocks(), j.address, ofConnection},
		{where, "remoteIpBlocks", "notRemoteIpBlocks", source.GetRemoteIpBlocks(), source.GetNotRemoteIpBlocks(), unknown, ofProxy},
		{where, "requestPrincipals", "notRequestPrincipals", source.GetRequestPrincipals(), source.GetNotRequestPrincipals(), unknown, ofHTTP},
	}
}

func (j ruleJudge) operation(where string, operation *securityapi.Operation) []clause {
	return []clause{
		{where, "ports", "notPorts", operation.GetPorts(), operation.GetNotPorts(), j.port, ofConnection},
		{where, "hosts", "notHosts", operation.GetHosts(), operation.GetNotHosts(), j.host, ofHTTP},
		{where, "methods", "notMethods", operation.GetMethods(), operation.GetNotMethods(), method, ofHTTP},
		{where, "paths", "notPaths", operation.GetPaths(), operation.GetNotPaths(), j.path, ofHTTP},
	}
}

func (j ruleJudge) condition(where string, condition *securityapi.Condition) clause {
	found := clause{where, "values", "notValues", condition.GetValues(), condition.GetNotValues(), unknown, ofProxy}
	switch key := condition.GetKey(); {
	case key == attributeSourceIP:
		found.one, found.level = j.address, ofConnection
	case key == attributeNamespace:
		found.one, found.level = j.namespace, ofConnection
	case key == attributeServiceAccount:
		found.one = j.serviceAccount
	case key == attributeTrustDomain:
		found.one = j.trustDomain
	case key == attributePrincipal:
		found.one, found.level = j.principal, ofConnection
	case key == attributeDestinationPort:
		found.one, found.level = j.port, ofConnection
	case key == attributeDestinationIP:
		found.level = ofConnection
	case strings.HasPrefix(key, attributesOfRequests):
		found.level = ofHTTP
	}
	return found
}

// parts are the conditions of a rule: one group of alternatives for from, one for to, and one for each entry of when. An
// alternative is a list of conditions that must all hold.
func (j ruleJudge) parts(rule *securityapi.Rule) [][][]clause {
	var parts [][][]clause
	var sources, operations [][]clause
	for i, entry := range rule.GetFrom() {
		sources = append(sources, j.source(fmt.Sprintf("from[%d].source.", i), entry.GetSource()))
	}
	for i, entry := range rule.GetTo() {
		operations = append(operations, j.operation(fmt.Sprintf("to[%d].operation.", i), entry.GetOperation()))
	}
	for _, part := range [][][]clause{sources, operations} {
		if len(part) > 0 {
			parts = append(parts, part)
		}
	}
	for i, condition := range rule.GetWhen() {
		parts = append(parts, [][]clause{{j.condition(fmt.Sprintf("when[%d].", i), condition)}})
	}
	return parts
}

// leavesOut are the conditions because of which a rule of an ALLOW policy is left out as a whole: on a TCP port those of HTTP, at
// ztunnel all that it cannot judge.
// Source: Istio's pilot/pkg/security/authz/model/model.go (Generate) and pilot/pkg/serviceregistry/ambient/authorization.go
// (handleRule).
func (j ruleJudge) leavesOut(rule *securityapi.Rule) []clause {
	var found []clause
	for _, part := range j.parts(rule) {
		for _, alternative := range part {
			for _, c := range alternative {
				if c.isStated() && (c.level == ofHTTP && (j.call.TCP || j.call.Ztunnel) || c.level == ofProxy && j.call.Ztunnel) {
					found = append(found, c)
				}
			}
		}
	}
	return found
}

// all judges conditions that must all hold. To ztunnel, an entry of which it can judge nothing matches nothing.
// Source: ztunnel's src/rbac.rs (Authorization.matches).
func (j ruleJudge) all(clauses []clause) Match {
	if j.call.Ztunnel && !slices.ContainsFunc(clauses, func(c clause) bool { return c.isStated() && c.level == ofConnection }) {
		return Never
	}
	match := Always
	for _, c := range clauses {
		match = min(match, j.clause(c))
	}
	return match
}

// skips reports whether a condition cannot be judged there, so that a rule which is not left out for it matches without it.
func (j ruleJudge) skips(c clause) bool {
	return j.call.Ztunnel && c.level != ofConnection || j.call.TCP && c.level == ofHTTP
}

func (j ruleJudge) clause(c clause) Match {
	if j.skips(c) {
		return Always
	}
	return j.judge(c.one, c.values, c.notValues)
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

func anyOf(one func(string) Match, values []string) Match {
	match := Never
	for _, value := range values {
		match = max(match, one(value))
	}
	return match
}

// unknown is for what depends on the single call: its token, its headers, its client's address.
func unknown(string) Match { return Sometimes }

func (j ruleJudge) host(pattern string) Match {
	if pattern == "*" {
		return Always
	}
	return yesUnless(gateway.NoneOf(j.call.Requests, func(shape gateway.RequestShape) bool { return shape.MayHaveHost(pattern) }))
}

func (j ruleJudge) principal(pattern string) Match {
	if match, decided := j.identity(); decided {
		return match
	}
	if j.call.ServiceAccount == "" {
		return j.principalOfNamespace(pattern)
	}
	for _, domain := range j.trustDomains {
		if host.MatchesPattern(pattern, domain+"/ns/"+j.call.Namespace+"/sa/"+j.call.ServiceAccount) {
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
	return yes(slices.ContainsFunc(j.trustDomains, func(domain string) bool { return host.MatchesPattern(pattern, domain) }))
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
	if j.call.Port == 0 {
		return Sometimes
	}
	number, err := strconv.ParseInt(value, 10, 32)
	return yes(err == nil && int32(number) == j.call.Port)
}

// method judges by what gRPC is: always POST.
func method(pattern string) Match { return yes(host.MatchesPattern(pattern, "POST")) }

// path judges by the routes of the calls, and by what the paths of gRPC calls look like: /package.Service/Method, two segments and
// no more.
func (j ruleJudge) path(pattern string) Match {
	if gateway.NoneOf(j.call.Requests, func(shape gateway.RequestShape) bool { return shape.MayHavePath(pattern) }) {
		return Never
	}
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

// HasHTTPFields reports whether a rule asks for something that only HTTP requests have.
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
