// Package execution carries a plan out, the same way for create, delete and lint --fix: show it, ask for the rights that it takes, rehearse
// it on the API server, ask the user, write, wait. Its one prompt and its one account of what is done and what is not are everyone's. It
// is for the commands; it imports cluster, plan, rbac, report, and of expose the marks of what create made.
package execution
