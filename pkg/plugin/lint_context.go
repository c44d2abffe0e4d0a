package plugin

// inContext is a factory for another context of the same kubeconfig.
func (f *factory) inContext(context string) *factory {
	return newFactory(f.connection.inContext(context))
}
