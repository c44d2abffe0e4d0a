package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

const twoPaths = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: demo}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: ["*.example.com"]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: greeter, namespace: demo}
spec: {host: greeter}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: demo}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: elsewhere}
spec: {mtls: {mode: STRICT}}
`

// pathTo is a workload with its Service and its route on the Gateway that both paths share.
func pathTo(name string) string {
	return fmt.Sprintf(`---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: demo}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {containers: [{name: server, image: server, ports: [{name: grpc, containerPort: 50051}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s, namespace: demo}
spec: {selector: {app: %[1]s}, ports: [{name: grpc, port: 8000, targetPort: 50051}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: %[1]s, namespace: demo}
spec: {hosts: [%[1]s.example.com], gateways: [edge], http: [{route: [{destination: {host: %[1]s, port: {number: 8000}}}]}]}
`, name)
}

func TestPathsTo(t *testing.T) {
	objects := append(casetest.Base(t, "default"), casetest.Decode(t, "paths", []byte(twoPaths+pathTo("greeter")+pathTo("clock")))...)
	snapshot := mesh.New(objects, mesh.Options{Now: casetest.Now})
	greeter := mesh.Key{Kind: mesh.KindDeployment, Namespace: "demo", Name: "greeter"}
	clock := mesh.Key{Kind: mesh.KindDeployment, Namespace: "demo", Name: "clock"}
	paths := pathsTo(snapshot, func() []mesh.Key { return []mesh.Key{greeter, clock} })
	both, one, other := []mesh.Key{greeter, clock}, []mesh.Key{greeter}, []mesh.Key{clock}
	for key, want := range map[mesh.Key][]mesh.Key{
		greeter: one,
		clock:   other,
		{Kind: mesh.KindService, Namespace: "demo", Name: "greeter"}:                         one,
		{Kind: mesh.KindVirtualService, Namespace: "demo", Name: "clock"}:                    other,
		{Kind: mesh.KindDestinationRule, Namespace: "demo", Name: "greeter"}:                 one,
		{Kind: mesh.KindGateway, Namespace: "demo", Name: "edge"}:                            both,
		{Kind: mesh.KindPeerAuthentication, Namespace: "demo", Name: "default"}:              both,
		{Kind: mesh.KindPeerAuthentication, Namespace: "elsewhere", Name: "default"}:         nil,
		{Kind: mesh.KindService, Namespace: "istio-system", Name: "istio-ingressgateway"}:    both,
		{Kind: mesh.KindDeployment, Namespace: "istio-system", Name: "istio-ingressgateway"}: both,
		{Kind: mesh.KindService, Namespace: "istio-system", Name: "istiod"}:                  nil,
	} {
		object := snapshot.Find(key)
		if assert.NotNil(t, object, key) {
			assert.Equal(t, want, paths.Of(object), key)
		}
	}
	assert.True(t, OnPathOf(snapshot, clock)(snapshot.Find(clock)))
	assert.False(t, OnPathOf(snapshot, clock)(snapshot.Find(greeter)))
}

// TestPathsOfConnections: tcp and tls routes lead to a workload as http routes do.
func TestPathsOfConnections(t *testing.T) {
	greeter := mesh.Key{Kind: mesh.KindDeployment, Namespace: "demo", Name: "greeter"}
	for _, kind := range []string{"tcp", "tls"} {
		text := strings.ReplaceAll(twoPaths+pathTo("greeter"), "http: [", kind+": [")
		snapshot := mesh.New(append(casetest.Base(t, "default"), casetest.Decode(t, "paths", []byte(text))...), mesh.Options{Now: casetest.Now})
		onPath := OnPathOf(snapshot, greeter)
		for _, key := range []mesh.Key{
			{Kind: mesh.KindVirtualService, Namespace: "demo", Name: "greeter"},
			{Kind: mesh.KindGateway, Namespace: "demo", Name: "edge"},
		} {
			assert.True(t, onPath(snapshot.Find(key)), "%s of %s", key, kind)
		}
	}
}
