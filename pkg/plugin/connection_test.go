package plugin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

const twoContexts = `
apiVersion: v1
kind: Config
clusters:
- {name: eu, cluster: {server: "https://eu.example.com"}}
- {name: asia, cluster: {server: "https://asia.example.com"}}
users:
- {name: carol, user: {token: of-carol}}
- {name: dave, user: {token: of-dave}}
contexts:
- {name: eu, context: {cluster: eu, user: carol, namespace: shop}}
- {name: asia, context: {cluster: asia, user: carol}}
current-context: eu
`

// connect reads a kubeconfig with two contexts as flags have it.
func connect(t *testing.T, arguments ...string) *connection {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(path, []byte(twoContexts), 0o600))
	connection := newConnection()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	connection.addFlags(flags)
	require.NoError(t, flags.Parse(append([]string{"--kubeconfig", path}, arguments...)))
	return connection
}

func TestConnectionFlags(t *testing.T) {
	type change func(*rest.Config)
	// The kubeconfig's loader looks whether files are there, not what they hold.
	file := filepath.Join(t.TempDir(), "file.pem")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	tests := map[string]struct {
		arguments []string
		change    change
	}{
		"none":        {nil, func(*rest.Config) {}},
		"context":     {[]string{"--context", "asia"}, func(c *rest.Config) { c.Host = "https://asia.example.com" }},
		"cluster":     {[]string{"--cluster", "asia"}, func(c *rest.Config) { c.Host = "https://asia.example.com" }},
		"user":        {[]string{"--user", "dave"}, func(c *rest.Config) { c.BearerToken = "of-dave" }},
		"server":      {[]string{"-s", "https://other.example.com"}, func(c *rest.Config) { c.Host = "https://other.example.com" }},
		"token":       {[]string{"--token", "mine"}, func(c *rest.Config) { c.BearerToken = "mine" }},
		"timeout":     {[]string{"--request-timeout", "7s"}, func(c *rest.Config) { c.Timeout = 7e9 }},
		"server name": {[]string{"--tls-server-name", "api"}, func(c *rest.Config) { c.ServerName = "api" }},
		"insecure":    {[]string{"--insecure-skip-tls-verify"}, func(c *rest.Config) { c.Insecure = true }},
		"compression": {[]string{"--disable-compression"}, func(c *rest.Config) { c.DisableCompression = true }},
		"impersonation": {
			[]string{"--as", "erin", "--as-group", "dev", "--as-group", "ops", "--as-uid", "42", "--as-user-extra", "scope=a", "--as-user-extra", "scope=b"},
			func(c *rest.Config) {
				c.Impersonate = rest.ImpersonationConfig{UserName: "erin", UID: "42", Groups: []string{"dev", "ops"}, Extra: map[string][]string{"scope": {"a", "b"}}}
			},
		},
		"authority":   {[]string{"--certificate-authority", file}, func(c *rest.Config) { c.CAFile = file }},
		"certificate": {[]string{"--client-certificate", file, "--client-key", file}, func(c *rest.Config) { c.CertFile, c.KeyFile = file, file }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := connect(t, test.arguments...).loader().ClientConfig()
			require.NoError(t, err)
			want := &rest.Config{Host: "https://eu.example.com", BearerToken: "of-carol"}
			test.change(want)
			assert.Equal(t, want.Host, got.Host)
			assert.Equal(t, want.BearerToken, got.BearerToken)
			assert.Equal(t, want.Timeout, got.Timeout)
			assert.Equal(t, want.DisableCompression, got.DisableCompression)
			assert.Equal(t, want.Impersonate, got.Impersonate)
			assert.Equal(t, want.TLSClientConfig, got.TLSClientConfig)
		})
	}
}

func TestConnectionThroughAProxy(t *testing.T) {
	config, err := connect(t, "--proxy-url", "http://proxy.example.com:3128").loader().ClientConfig()
	require.NoError(t, err)
	proxy, err := config.Proxy(nil)
	require.NoError(t, err)
	assert.Equal(t, "http://proxy.example.com:3128", proxy.String())
}

func TestConnectionNamespace(t *testing.T) {
	for want, arguments := range map[string][]string{"shop": nil, "test": {"-n", "test"}, "default": {"--context", "asia"}} {
		got, err := newFactory(connect(t, arguments...)).namespace()
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestConnectionInContext(t *testing.T) {
	first := connect(t, "--token", "mine")
	config, err := first.inContext("asia").loader().ClientConfig()
	require.NoError(t, err)
	assert.Equal(t, "https://asia.example.com", config.Host)
	assert.Equal(t, "mine", config.BearerToken, "the other flags hold too")
	config, err = first.loader().ClientConfig()
	require.NoError(t, err)
	assert.Equal(t, "https://eu.example.com", config.Host, "the first is as it was")
}
