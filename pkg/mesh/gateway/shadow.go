package gateway

import (
	"math/bits"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

// coverage remembers the routes of a virtual host, in their order, to find one that takes all the calls of a later one. It
// looks up the beginnings of a path in maps, so that many routes on one host cost little more than a few.
type coverage struct {
	// prefixes and exacts hold the first route for a path and a set of conditions; folded ones compare paths without case.
	prefixes, exacts, foldedPrefixes, foldedExacts, expressions map[string]map[string]*GatewayRoute
	// compiled are the first of the regular expressions.
	compiled []compiledRoutes
}

// maxExpressions bounds the regular expressions that each later path is held against.
const maxExpressions = 50

type compiledRoutes struct {
	*host.PathExpression
	byConditions map[string]*GatewayRoute
}

func newCoverage() *coverage {
	return &coverage{
		prefixes:       map[string]map[string]*GatewayRoute{},
		exacts:         map[string]map[string]*GatewayRoute{},
		foldedPrefixes: map[string]map[string]*GatewayRoute{},
		foldedExacts:   map[string]map[string]*GatewayRoute{},
		expressions:    map[string]map[string]*GatewayRoute{},
	}
}

const conditionSeparator = "\n"

// add remembers a route.
func (c *coverage) add(route *GatewayRoute) {
	prefix, isPrefix := route.match.TakenPrefix()
	isExpression := route.match.Kind == host.PathRegex && !isPrefix
	paths, path := c.exacts, route.match.Path
	switch {
	case isPrefix:
		paths, path = c.prefixes, prefix
	case isExpression:
		paths = c.expressions
	}
	// Regular expressions are compared as they are: ignoreUriCase is for exact and prefix only.
	if route.match.Fold && route.match.Kind != host.PathRegex {
		path = strings.ToLower(path)
		if route.match.Kind == host.PathPrefix {
			paths = c.foldedPrefixes
		} else {
			paths = c.foldedExacts
		}
	}
	byConditions := paths[path]
	if byConditions == nil {
		byConditions = map[string]*GatewayRoute{}
		paths[path] = byConditions
		if isExpression && len(c.compiled) < maxExpressions {
			c.compile(path, byConditions)
		}
	}
	conditions := strings.Join(route.match.Narrowing(), conditionSeparator)
	if byConditions[conditions] == nil {
		byConditions[conditions] = route
	}
}

func (c *coverage) compile(path string, byConditions map[string]*GatewayRoute) {
	if expression := host.ExpressionOf(path); expression != nil {
		c.compiled = append(c.compiled, compiledRoutes{expression, byConditions})
	}
}

// covering is a route ahead that takes every gRPC call that the match takes, the first of several; nil if there is none.
// Routes that take them only together are not seen.
func (c *coverage) covering(match host.RouteMatch) *GatewayRoute {
	found := earliest{conditions: conditionSets(match)}
	literal := match.LiteralBeginning()
	folded := strings.ToLower(literal)
	for end := 0; end <= len(literal); end++ {
		if !match.Fold {
			found.look(c.prefixes[literal[:end]])
		}
	}
	for end := 0; end <= len(folded); end++ {
		found.look(c.foldedPrefixes[folded[:end]])
	}
	if match.Fold || literal == "" {
		// All paths begin with a slash, whatever their case and whether or not the match says so.
		found.look(c.prefixes["/"])
		found.look(c.prefixes[""])
	}
	for _, compiled := range c.compiled {
		if compiled.TakesAllOf(match) {
			found.look(compiled.byConditions)
		}
	}
	switch match.Kind {
	case host.PathExact:
		found.look(c.foldedExacts[folded])
		if !match.Fold {
			found.look(c.exacts[literal])
		}
	case host.PathRegex:
		found.look(c.expressions[match.Path])
	}
	return found.route
}

// earliest picks the first route among those whose conditions the match meets.
type earliest struct {
	conditions []string
	route      *GatewayRoute
}

func (e *earliest) look(byConditions map[string]*GatewayRoute) {
	if len(byConditions) == 0 {
		return
	}
	for _, conditions := range e.conditions {
		route := byConditions[conditions]
		if route != nil && (e.route == nil || route.position < e.route.position) {
			e.route = route
		}
	}
}

// maxSubsetConditions bounds the sets of conditions that are looked up: 2 to the power of it.
const maxSubsetConditions = 6

// conditionSets are the sets of conditions that calls of the match meet: every subset of its own. Of a match with very many
// conditions only the empty set, the single ones, and the whole.
func conditionSets(match host.RouteMatch) []string {
	conditions := match.Narrowing()
	whole := strings.Join(conditions, conditionSeparator)
	if len(conditions) > maxSubsetConditions {
		return append([]string{"", whole}, conditions...)
	}
	sets := make([]string, 0, 1<<len(conditions))
	for subset := range uint(1) << len(conditions) {
		chosen := make([]string, 0, bits.OnesCount(subset))
		for i, condition := range conditions {
			if subset&(1<<i) != 0 {
				chosen = append(chosen, condition)
			}
		}
		sets = append(sets, strings.Join(chosen, conditionSeparator))
	}
	return sets
}
