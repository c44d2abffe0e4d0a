package expose_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

const routeOfReflection = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reflection, namespace: test}
spec:
  hosts: ["*"]
  gateways: [server]
  http: [{match: [{uri: {prefix: /grpc.reflection.}}], route: [{destination: {host: other.test.svc.cluster.local, port: {number: 80}}}]}]
`

// What is printed to be tried is routed to the workload, and needs no more files than it names.
func TestTrialThroughPlaintext(t *testing.T) {
	services := func(names ...string) func(*expose.Intent) {
		return func(intent *expose.Intent) { intent.GRPCServices = names }
	}
	tests := map[string]struct {
		change func(*expose.Intent)
		beside string
		want   string
	}{
		"all calls":                     {nil, "", "grpcurl -plaintext 203.0.113.10:8000 list"},
		"a host":                        {onHost("a.example.com"), "", "grpcurl -plaintext -authority a.example.com 203.0.113.10:8000 list"},
		"hosts under a name":            {onHost("*.example.com"), "", "grpcurl -plaintext -authority grpc.example.com 203.0.113.10:8000 list"},
		"one service":                   {services("shop.v1.Orders"), "", "grpcurl -plaintext -proto FILE 203.0.113.10:8000 shop.v1.Orders/METHOD"},
		"the health service":            {services("shop.v1.Orders", "grpc.health.v1.Health"), "", "grpcurl -plaintext -proto health.proto 203.0.113.10:8000 grpc.health.v1.Health/Check"},
		"reflection":                    {services("shop.v1.Orders", "grpc.reflection.v1.ServerReflection"), "", "grpcurl -plaintext 203.0.113.10:8000 list"},
		"the old reflection":            {services("grpc.reflection.v1alpha.ServerReflection"), "", "grpcurl -plaintext 203.0.113.10:8000 list"},
		"reflection of somebody else's": {nil, routeOfReflection, "grpcurl -plaintext -proto health.proto 203.0.113.10:8000 grpc.health.v1.Health/Check"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSharing(t)
			result, err := expose.Build(s.intent("server", test.change), s.snapshot)
			require.NoError(t, err)
			after := result.After
			s.snapshot = after
			if test.beside != "" {
				s.put(test.beside)
			}
			assert.Equal(t, test.want, expose.ExposureOf(result, s.snapshot).Command)
		})
	}
}

// Over TLS the client is told where the authority of a certificate is that no client knows, and which name the certificate is for.
func TestTrialThroughTLS(t *testing.T) {
	intent, snapshot := readCase(t, filepath.Join("testdata", "tls.yaml"))
	own, ok := snapshot.Secrets().Get("istio-system", "server-cert")
	require.True(t, ok)
	with := func(change func(*expose.Intent), keys map[string][]byte) expose.Exposure {
		changed := intent
		if change != nil {
			change(&changed)
		}
		secret := own.DeepCopy()
		for key, value := range keys {
			secret.Data[key] = value
		}
		mesh := snapshot.With(mesh.Change{Put: []mesh.Object{secret}})
		result, err := expose.Build(changed, mesh)
		require.NoError(t, err)
		after := result.After
		return expose.ExposureOf(result, after)
	}
	selfSigned := with(nil, nil)
	assert.Equal(t, "grpcurl -cacert ca.crt -authority a.example.com 203.0.113.10:443 list", selfSigned.Command)
	assert.Equal(t, `kubectl get secret server-cert -n istio-system -o 'jsonpath={.data.tls\.crt}' | base64 -d > ca.crt`, selfSigned.Authority)

	byAuthority := with(nil, map[string][]byte{"ca.crt": own.Data["tls.crt"]})
	assert.Equal(t, `kubectl get secret server-cert -n istio-system -o 'jsonpath={.data.ca\.crt}' | base64 -d > ca.crt`, byAuthority.Authority)

	mutual := with(func(intent *expose.Intent) { intent.TLSMutual = true }, map[string][]byte{"ca.crt": own.Data["tls.crt"]})
	assert.Equal(t, "grpcurl -cacert ca.crt -cert client.crt -key client.key -authority a.example.com 203.0.113.10:443 list", mutual.Command)

	anyHost := with(func(intent *expose.Intent) { intent.Hosts = nil }, nil)
	assert.Equal(t, "grpcurl -cacert ca.crt -authority a.example.com 203.0.113.10:443 list", anyHost.Command, "the certificate's own name")
}

// A rerun that does not repeat --tls-secret has nothing to change.
func TestRerunWithoutSecret(t *testing.T) {
	intent, snapshot := readCase(t, filepath.Join("testdata", "tls.yaml"))
	result, err := expose.Build(intent, snapshot)
	require.NoError(t, err)
	after := result.After
	intent.TLSSecret = ""
	again, err := expose.Build(intent, after)
	require.NoError(t, err)
	assert.Empty(t, again.Plan.Changes)
	assert.True(t, again.TLS)
}

// A flag that is not repeated takes no TLS from what create made, whatever else is asked for.
func TestTLSIsNotTakenAway(t *testing.T) {
	intent, snapshot := readCase(t, filepath.Join("testdata", "tls.yaml"))
	own, _ := snapshot.Secrets().Get("istio-system", "server-cert")
	own = own.DeepCopy()
	own.Data["ca.crt"] = own.Data["tls.crt"]
	snapshot = snapshot.With(mesh.Change{Put: []mesh.Object{own}})
	for _, mutual := range []bool{false, true} {
		intent.TLSMutual = mutual
		result, err := expose.Build(intent, snapshot)
		require.NoError(t, err)
		after := result.After
		for _, hosts := range [][]string{nil, {"b.example.com"}} {
			again := intent
			again.Hosts, again.TLSSecret, again.TLSMutual = hosts, "", false
			_, err = expose.Build(again, after)
			require.ErrorContains(t, err, "without --tls-secret it would take plaintext calls")
			again.TLSSecret = intent.TLSSecret
			_, err = expose.Build(again, after)
			if mutual {
				require.ErrorContains(t, err, "without --tls-mutual it would not")
			} else {
				require.NoError(t, err)
			}
			again.TLSMutual = true
			_, err = expose.Build(again, after)
			require.NoError(t, err, "more TLS may be asked for")
		}
	}
}
