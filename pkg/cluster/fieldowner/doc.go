// Package fieldowner reads and computes managedFields: who owns a field, whether that one gives way to this program, how a write in somebody else's
// object gives up what it came to own. It is for pkg/cluster, which sends the writes. It imports plan and knows no requests.
package fieldowner
