// Package rbac says which rights something takes, in the words of Kubernetes RBAC: the rights that carrying out a plan takes, a table of
// those that are missing, and the Roles that grant them. It is for whoever refuses for want of a right, and for --print-rbac. It
// imports cluster, mesh, plan and report; what a command reads is for the caller to say.
package rbac
