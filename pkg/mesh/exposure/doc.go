// Package exposure answers which Service ports serve gRPC, by what evidence, and which routes and gateways lead to them. It imports all layers but policy.
package exposure
