// Package proxy answers which pods have a proxy, or get one: injector webhooks and their labels, control planes and the mesh config, ambient mode,
// the proxies that act as gateways, and what a restart makes of pods. It imports mesh and workload.
package proxy
