// Package policy answers what DestinationRules, PeerAuthentications, AuthorizationPolicies, Sidecars, EnvoyFilters and NetworkPolicies do to calls. It
// imports the layers below.
package policy
