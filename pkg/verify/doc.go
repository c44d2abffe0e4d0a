// Package verify makes real calls to a workload and finds out which pods answer: it chooses where to call from what the mesh model says,
// opens what port-forwards that takes, keeps credentials from whom they are not meant for, and reads the counters of the gateway's proxies
// or of the pods' own. It is for verify and create --verify. It imports cluster, expose, review, report, and traffic, which makes the calls.
package verify
