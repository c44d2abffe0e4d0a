package plugin

import (
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"
)

// connection is kubectl's flags for the cluster and the user. They are client-go's own: cli-runtime's ConfigFlags are the same
// flags, but bring the types of all of Kubernetes and all of kubectl's printers with them, a third of the program's size.
type connection struct {
	kubeconfig string
	overrides  clientcmd.ConfigOverrides
	userExtra  []string
}

func newConnection() *connection {
	return &connection{overrides: clientcmd.ConfigOverrides{ClusterDefaults: clientcmd.ClusterDefaults}}
}

func (c *connection) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&c.kubeconfig, clientcmd.RecommendedConfigPathFlag, "", "Path to the kubeconfig file to use")
	names := clientcmd.RecommendedConfigOverrideFlags("")
	// kubectl hides these two: API servers have not taken passwords since 1.19.
	names.AuthOverrideFlags.Username.LongName, names.AuthOverrideFlags.Password.LongName = "", ""
	names.ContextOverrideFlags.Namespace.ShortName = "n"
	names.ClusterOverrideFlags.APIServer.ShortName = "s"
	clientcmd.BindOverrideFlags(&c.overrides, flags, names)
	flags.StringArrayVar(&c.userExtra, "as-user-extra", nil, "User extra to impersonate for the operation, as KEY=VALUE; may be repeated")
}

// loader reads the kubeconfig as the flags have it. Nothing is read before it is asked.
func (c *connection) loader() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.kubeconfig
	overrides := c.overrides
	for _, extra := range c.userExtra {
		key, value, ok := strings.Cut(extra, "=")
		if !ok {
			continue
		}
		if overrides.AuthInfo.ImpersonateUserExtra == nil {
			overrides.AuthInfo.ImpersonateUserExtra = map[string][]string{}
		}
		overrides.AuthInfo.ImpersonateUserExtra[key] = append(overrides.AuthInfo.ImpersonateUserExtra[key], value)
	}
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &overrides)
}

// inContext is the same connection in another context of the kubeconfig.
func (c *connection) inContext(context string) *connection {
	other := *c
	other.overrides.CurrentContext = context
	return &other
}
