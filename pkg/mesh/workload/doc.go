// Package workload answers which pods and Services there are and how they belong together: pod templates and what their containers listen on,
// Services and the protocols that Istio reads from their ports, who refers to a port by its name. It imports mesh alone.
package workload
