package plugin

import "k8s.io/cli-runtime/pkg/genericclioptions"

// inContext is a factory for another context of the same kubeconfig. The values of the other flags are shared: they may not
// have been parsed yet.
func (f *factory) inContext(context string) *factory {
	flags := genericclioptions.NewConfigFlags(true)
	flags.CacheDir, flags.KubeConfig = f.flags.CacheDir, f.flags.KubeConfig
	flags.ClusterName, flags.AuthInfoName = f.flags.ClusterName, f.flags.AuthInfoName
	flags.Namespace, flags.APIServer, flags.TLSServerName = f.flags.Namespace, f.flags.APIServer, f.flags.TLSServerName
	flags.Insecure, flags.CertFile, flags.KeyFile, flags.CAFile = f.flags.Insecure, f.flags.CertFile, f.flags.KeyFile, f.flags.CAFile
	flags.BearerToken, flags.Timeout = f.flags.BearerToken, f.flags.Timeout
	flags.Impersonate, flags.ImpersonateUID, flags.ImpersonateGroup = f.flags.Impersonate, f.flags.ImpersonateUID, f.flags.ImpersonateGroup
	flags.ImpersonateUserExtra = f.flags.ImpersonateUserExtra
	flags.DisableCompression, flags.ProxyURL, flags.WrapConfigFn = f.flags.DisableCompression, f.flags.ProxyURL, f.flags.WrapConfigFn
	flags.Context = &context
	return newFactory(flags)
}
