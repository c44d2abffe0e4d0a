// Package gateway answers what istiod makes of Gateways and the VirtualServices bound to them: open ports, servers that live or are dropped, virtual
// hosts, and which route takes a call. It imports the layers below.
package gateway
