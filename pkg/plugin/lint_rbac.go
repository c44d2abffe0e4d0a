package plugin

// printRoles prints the least Roles for lint with these checks: it reads, and with --watch follows, what the checks ask about.
// Secrets are read by name, where the gateways' pods are; for gateways elsewhere than Istio's own the namespace is the
// reader's to change.
func (o *lintOptions) printRoles() error {
	list, named := o.kindsToRead()
	verbs := []string{"get", "list"}
	if o.watch {
		verbs = append(verbs, "watch")
	}
	permissions := readPermissions(list, verbs)
	for _, kind := range named {
		permissions = append(permissions, may(kind, rootNamespace, "", "get")...)
	}
	return printRoles(o.streams.Out, "grpcexpose-lint", permissions)
}
