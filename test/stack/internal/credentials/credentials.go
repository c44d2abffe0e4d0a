// Package credentials makes a stack's certificate authority, keys, client certificates and kubeconfigs. They live as
// long as the stack, and only in its folder.
package credentials

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/keyutil"
)

// Files has the paths of what the control plane's command lines name.
type Files struct {
	CACert, CAKey                           string
	ServerCert, ServerKey                   string // of the API server, and of kwok as kubelet
	ServiceAccountKey, ServiceAccountPublic string
	// Kubeconfigs. Admin's user is in the group system:masters: it may do everything, impersonate included.
	Admin, ControllerManager, Scheduler string
}

// lifetime is longer than any stack's.
const lifetime = 365 * 24 * time.Hour

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	folder      string
}

// Write makes everything anew in the folder, which exists, for an API server at the loopback port.
func Write(folder string, apiServerPort int) (*Files, error) {
	ca, err := newAuthority(folder)
	if err != nil {
		return nil, fmt.Errorf("make the certificate authority: %w", err)
	}
	files := &Files{
		CACert: ca.path("ca.crt"), CAKey: ca.path("ca.key"),
		ServerCert: ca.path("server.crt"), ServerKey: ca.path("server.key"),
		ServiceAccountKey: ca.path("service-accounts.key"), ServiceAccountPublic: ca.path("service-accounts.pub"),
		Admin: ca.path("admin.kubeconfig"), ControllerManager: ca.path("controller-manager.kubeconfig"), Scheduler: ca.path("scheduler.kubeconfig"),
	}
	if err := ca.writeServerCertificate(files); err != nil {
		return nil, fmt.Errorf("make the API server's certificate: %w", err)
	}
	if err := writeServiceAccountKeys(files); err != nil {
		return nil, fmt.Errorf("make the keys for service account tokens: %w", err)
	}
	users := map[string]pkix.Name{
		files.Admin:             {CommonName: "admin", Organization: []string{"system:masters"}},
		files.ControllerManager: {CommonName: "system:kube-controller-manager"},
		files.Scheduler:         {CommonName: "system:kube-scheduler"},
	}
	for path, user := range users {
		if err := ca.writeKubeconfig(path, user, apiServerPort); err != nil {
			return nil, fmt.Errorf("make the kubeconfig of %s: %w", user.CommonName, err)
		}
	}
	return files, nil
}

func newAuthority(folder string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stack"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(lifetime),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	ca := &authority{certificate: certificate, key: key, folder: folder}
	if err := os.WriteFile(ca.path("ca.crt"), encodeCertificate(der), 0o644); err != nil {
		return nil, err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	return ca, os.WriteFile(ca.path("ca.key"), keyPEM, 0o600)
}

func (ca *authority) path(name string) string {
	return filepath.Join(ca.folder, name)
}

// issue completes the template, and returns the certificate and its key in PEM.
func (ca *authority) issue(template *x509.Certificate) (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, err
	}
	template.NotBefore, template.NotAfter = ca.certificate.NotBefore, ca.certificate.NotAfter
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, private.Public(), ca.key)
	if err != nil {
		return nil, nil, err
	}
	key, err = encodeKey(private)
	return encodeCertificate(der), key, err
}

func (ca *authority) writeServerCertificate(files *Files) error {
	certificate, key, err := ca.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{
			"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local",
		},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)},
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(files.ServerCert, certificate, 0o644); err != nil {
		return err
	}
	return os.WriteFile(files.ServerKey, key, 0o600)
}

func writeServiceAccountKeys(files *Files) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	private, err := encodeKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := os.WriteFile(files.ServiceAccountKey, private, 0o600); err != nil {
		return err
	}
	return os.WriteFile(files.ServiceAccountPublic, pem.EncodeToMemory(&pem.Block{Type: keyutil.PublicKeyBlockType, Bytes: public}), 0o644)
}

// writeKubeconfig writes a kubeconfig that needs no other file.
func (ca *authority) writeKubeconfig(path string, user pkix.Name, port int) error {
	certificate, key, err := ca.issue(&x509.Certificate{
		Subject: user, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return err
	}
	const cluster = "stack"
	config := clientcmdapi.NewConfig()
	config.Clusters[cluster] = &clientcmdapi.Cluster{
		Server: fmt.Sprintf("https://127.0.0.1:%d", port), CertificateAuthorityData: encodeCertificate(ca.certificate.Raw),
	}
	config.AuthInfos[user.CommonName] = &clientcmdapi.AuthInfo{ClientCertificateData: certificate, ClientKeyData: key}
	config.Contexts[cluster] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: user.CommonName}
	config.CurrentContext = cluster
	return clientcmd.WriteToFile(*config, path)
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(key crypto.PrivateKey) ([]byte, error) {
	return keyutil.MarshalPrivateKeyToPEM(key)
}
