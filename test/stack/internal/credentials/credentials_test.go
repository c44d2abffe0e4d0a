package credentials

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/keyutil"
)

func TestTheFilesFitTogether(t *testing.T) {
	files, err := Write(t.TempDir(), 20002)
	require.NoError(t, err)
	authority, err := os.ReadFile(files.CACert)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(authority))

	server, err := tls.LoadX509KeyPair(files.ServerCert, files.ServerKey)
	require.NoError(t, err)
	for _, name := range []string{"127.0.0.1", "localhost", "kubernetes.default.svc"} {
		_, err = server.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots})
		require.NoError(t, err, name)
	}

	private, err := keyutil.PrivateKeyFromFile(files.ServiceAccountKey)
	require.NoError(t, err)
	public, err := keyutil.PublicKeysFromFile(files.ServiceAccountPublic)
	require.NoError(t, err)
	require.Len(t, public, 1)
	signer, ok := private.(crypto.Signer)
	require.True(t, ok)
	assert.Equal(t, public[0], signer.Public())
}

func TestKubeconfigs(t *testing.T) {
	files, err := Write(t.TempDir(), 20002)
	require.NoError(t, err)
	authority, err := os.ReadFile(files.CACert)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(authority))

	users := map[string]string{
		files.Admin:             "CN=admin,O=system:masters",
		files.ControllerManager: "CN=system:kube-controller-manager",
		files.Scheduler:         "CN=system:kube-scheduler",
	}
	for path, user := range users {
		t.Run(user, func(t *testing.T) {
			config, err := clientcmd.BuildConfigFromFlags("", path)
			require.NoError(t, err)
			assert.Equal(t, "https://127.0.0.1:20002", config.Host)
			assert.Equal(t, authority, config.CAData)
			pair, err := tls.X509KeyPair(config.CertData, config.KeyData)
			require.NoError(t, err)
			assert.Equal(t, user, pair.Leaf.Subject.String())
			_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
			require.NoError(t, err)
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		})
	}
}
