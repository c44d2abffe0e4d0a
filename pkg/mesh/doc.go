// Package mesh answers what Kubernetes and Istio would do with a set of objects: which webhook injects this pod, what
// protocol this port has, which listeners a gateway makes, which route takes a call, which pods it reaches.
//
// A Snapshot is the set of objects: immutable, indexed, and aware of what could not be read. Everything else here is a pure
// function of it. There is no clock, no network and no file in this package; what it needs comes in as an argument.
package mesh
