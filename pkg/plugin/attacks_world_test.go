package plugin

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/internal/fakeapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

const attacksFolder = "testdata/attacks"

// attacker is the namespace whose owner attacks. Everything else belongs to others.
const attacker = "evil"

// attack is what the owner of one namespace has written there.
type attack struct {
	name    string
	objects []*unstructured.Unstructured
	// hangs is set once a command hangs: others are not tried then, as the first one still takes the machine's time.
	hangs *atomic.Bool
}

// attacks are those of the files, and those that are too big for files.
func attacks(t testing.TB) []attack {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(attacksFolder, "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var all []attack
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(text), "# about: "), "%s says what it is about", path)
		all = append(all, attack{strings.TrimSuffix(filepath.Base(path), ".yaml"), storedObjects(t, path, string(text)), &atomic.Bool{}})
	}
	grown := grownAttacks()
	for _, name := range slices.Sorted(maps.Keys(grown)) {
		all = append(all, attack{name, storedObjects(t, name, grown[name]()), &atomic.Bool{}})
	}
	for _, attack := range all {
		for _, object := range attack.objects {
			own := object.GetNamespace() == attacker || object.GetNamespace() == "" && object.GetName() == attacker
			require.True(t, own, "%s: the attacker writes into no namespace but his own", attack.name)
		}
	}
	return all
}

func storedObjects(t testing.TB, name, text string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := fakeapi.Objects(text)
	require.NoError(t, err, name)
	return objects
}

// grownAttacks are large, or deep.
func grownAttacks() map[string]func() string {
	const service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: any\n  namespace: evil\n  annotations: {grpcexpose/undo: '%s'}\nspec: {clusterIP: 10.0.0.77, ports: [{name: http, port: 80, protocol: TCP, targetPort: 80}]}\n"
	return map[string]func() string{
		"grown-undo-deep": func() string {
			return fmt.Sprintf(service, `[{"path":["spec","x"],"old":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`,"new":null,"for":["Deployment/test/server"]}]`)
		},
		"grown-undo-many": func() string {
			entry := `{"path":["metadata","labels","a"],"old":"b","new":null,"for":["Deployment/test/server"]}`
			return fmt.Sprintf(service, "["+strings.Repeat(entry+",", 2500)+entry+"]")
		},
		"grown-undo-long": func() string {
			return fmt.Sprintf(service, `[{"path":["metadata","labels","`+strings.Repeat("x", 250_000)+`"],"old":"b","new":null,"for":["Deployment/test/server"]}]`)
		},
		"grown-mark-users": func() string {
			users := strings.Repeat("Deployment/test/server,", 10_000)
			return "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: evil, labels: {app.kubernetes.io/managed-by: kubectl-grpcexpose}, annotations: {grpcexpose/for: '" +
				users + "'}}\nspec: {selector: {istio: none}, servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: ['*']}]}\n"
		},
		"grown-service-ports": func() string {
			var b strings.Builder
			b.WriteString("apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: evil}\nspec:\n  clusterIP: 10.0.0.99\n  ports:\n")
			for port := 1; port <= 1500; port++ {
				fmt.Fprintf(&b, "  - {name: grpc%d, port: %d, protocol: TCP, targetPort: %d}\n", port, port, port)
			}
			return b.String()
		},
		"grown-gateways": func() string {
			var b strings.Builder
			for i := range 300 {
				fmt.Fprintf(&b, "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g%d, namespace: evil, creationTimestamp: '2024-06-01T00:00:00Z'}\nspec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: ['h%d.example.com']}]}\n", i, i)
			}
			return b.String()
		},
		"grown-routes": func() string {
			var b strings.Builder
			b.WriteString("apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: evil, creationTimestamp: '2024-06-01T00:00:00Z'}\nspec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: ['*.example.com']}]}\n")
			for i := range 500 {
				fmt.Fprintf(&b, "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v%d, namespace: evil}\nspec: {hosts: ['h%d.example.com'], gateways: [g], http: [{route: [{destination: {host: ledger.bank.svc.cluster.local, port: {number: 5432}}}]}]}\n", i, i%7)
			}
			return b.String()
		},
		"grown-rules": func() string {
			var b strings.Builder
			b.WriteString("apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: evil, creationTimestamp: '2024-06-01T00:00:00Z'}\nspec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: ['r.example.com']}]}\n---\n" +
				"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v, namespace: evil}\nspec:\n  hosts: [r.example.com]\n  gateways: [g]\n  http:\n")
			for i := range 1500 {
				fmt.Fprintf(&b, "  - {match: [{uri: {regex: '(a|b|c%d)*x'}}], route: [{destination: {host: ledger.bank.svc.cluster.local, port: {number: 5432}}}]}\n", i)
			}
			return b.String()
		},
		"grown-text": func() string {
			word := strings.Repeat(`\e[2J\u202e::error::x\n$(touch pwn)`, 4000)
			return "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: evil, creationTimestamp: '2024-06-01T00:00:00Z'}\nspec: {selector: {istio: ingressgateway}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['t.example.com'], tls: {mode: SIMPLE, credentialName: \"" + word + "\"}}]}\n---\n" +
				"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v, namespace: evil}\nspec: {hosts: ['t.example.com'], gateways: [g, \"" + word + "\"], http: [{route: [{destination: {host: \"" + word + "\", port: {number: 1}}}]}]}\n"
		},
	}
}

// world is a cluster before the attack.
type world string

const (
	// bare has the victim's workload as it is before create.
	bare world = "bare"
	// exposed is what create makes of it.
	exposed world = "exposed"
	// exposedOnNewPort is what create makes of it where it opens a port of the gateway's Service.
	exposedOnNewPort world = "exposed on a new port"
)

var (
	createArguments        = []string{"create", "deployment/server", "-n", "test", "--port", "8000", "--target-port", "50051", "--timeout", "8s"}
	createOnPort           = []string{"create", "deployment/server", "-n", "test", "--port", "9000", "--target-port", "50051", "--open-gateway-port", "--timeout", "8s"}
	worldsLock             sync.Mutex
	worlds                 = map[world][]*unstructured.Unstructured{}
	madeBy                 = map[world][]string{exposed: createArguments, exposedOnNewPort: createOnPort}
	certificateForAttacked = sync.OnceValues(serverCertificate)
)

// worldObjects are the objects of a world. Those that create makes are made by create.
func worldObjects(t testing.TB, w world) []*unstructured.Unstructured {
	t.Helper()
	worldsLock.Lock()
	defer worldsLock.Unlock()
	if worlds[bare] == nil {
		worlds[bare] = bareObjects(t)
	}
	if worlds[w] == nil {
		server := fakeapi.New(t, worlds[bare]...)
		ran := runOn(t, server, madeBy[w]...)
		require.NotEqual(t, ExitFailed, ran.code, "create on a peaceful cluster: %s", ran.all())
		worlds[w] = server.Objects()
	}
	return worlds[w]
}

func bareObjects(t testing.TB) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for _, path := range []string{filepath.Join(corpus.Directory(), "_base-default.yaml"), filepath.Join(attacksFolder, "scenes", "victim.yaml")} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		objects = append(objects, storedObjects(t, path, string(text))...)
	}
	certificate, err := certificateForAttacked()
	require.NoError(t, err)
	return append(objects, storedObjects(t, "certificate", certificate)...)
}

// serverCertificate is the Secret of server.example.com beside the gateway.
func serverCertificate() (string, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "server.example.com"}, DNSNames: []string{"server.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return "", err
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", err
	}
	encoded := func(kind string, data []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
	}
	certificate := encoded("CERTIFICATE", der)
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: cert, namespace: istio-system}\ntype: Opaque\ndata: {tls.crt: %s, tls.key: %s, ca.crt: %s}\n",
		certificate, encoded("PRIVATE KEY", key), certificate), nil
}

// planted is the world with the attack in it.
func planted(w, attack []*unstructured.Unstructured) []*unstructured.Unstructured {
	same := func(a, b *unstructured.Unstructured) bool {
		return a.GroupVersionKind() == b.GroupVersionKind() && a.GetNamespace() == b.GetNamespace() && a.GetName() == b.GetName()
	}
	var all []*unstructured.Unstructured
	for _, object := range w {
		if !slices.ContainsFunc(attack, func(other *unstructured.Unstructured) bool { return same(object, other) }) {
			all = append(all, object)
		}
	}
	return append(all, attack...)
}

// outcome is what became of a command.
type outcome struct {
	code     int
	out, err string
	panicked string
	took     time.Duration
	// hangs: it did not end in its time, nor when it was interrupted then.
	hangs  bool
	writes []fakeapi.Write
}

func (r outcome) all() string { return r.out + r.err }

// runOn runs a command line in this process on a server. One that goes on after its time is left alone: its outcome says so.
func runOn(t testing.TB, server *fakeapi.Server, arguments ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ended := make(chan outcome, 1)
	go func() { ended <- execute(ctx, server.URL, arguments) }()
	select {
	case result := <-ended:
		result.writes = server.Writes()
		return result
	case <-time.After(patience + 2*time.Second):
		return outcome{took: patience + 2*time.Second, hangs: true, writes: server.Writes()}
	}
}

func execute(ctx context.Context, url string, arguments []string) (result outcome) {
	out, err := &bytes.Buffer{}, &bytes.Buffer{}
	streams := report.Streams{In: &bytes.Buffer{}, Out: out, Err: err, Width: 80}
	begun := time.Now()
	defer func() {
		if fault := recover(); fault != nil {
			result.panicked = fmt.Sprintf("%v\n%s", fault, debug.Stack())
		}
		result.took, result.out, result.err = time.Since(begun), out.String(), err.String()
	}()
	result.code = Execute(ctx, func() {}, streams, append(slices.Clone(arguments), "--server", url, "--kubeconfig", os.DevNull))
	return result
}

// patience is how long any command may take on any of the clusters here.
const patience = 30 * time.Second
