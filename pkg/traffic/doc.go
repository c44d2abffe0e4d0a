// Package traffic makes real gRPC calls over one connection, and tells from the counters of proxies which pods answered
// them. What it is to connect to, and how, comes in as arguments: it knows neither kubeconfigs nor objects.
package traffic
