package lint

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// TestAbsurdObjects judges, beside a mesh, one object of each kind that has nothing but a name, and absurd objects of some.
func TestAbsurdObjects(t *testing.T) {
	absurd := map[string][]string{
		"ports without number": {
			`{"apiVersion":"v1","kind":"Service","metadata":{"name":"orders","namespace":"shop"},"spec":{"selector":null,"ports":[{"port":0},{"name":"grpc"},{}]}}`,
			`{"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"name":"public","namespace":"shop"},"spec":{"servers":[{},{"port":{}},{"port":{"number":0,"protocol":""},"hosts":[]}]}}`,
			`{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"orders","namespace":"shop"},"spec":{"hosts":[""],"gateways":["","/","a/b/c"],` +
				`"http":[{},{"route":[{},{"destination":{}},{"destination":{"host":"","port":{}}}]},{"match":[{}],"delegate":{}}],"tcp":[{}],"tls":[{}]}}`,
			`{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule","metadata":{"name":"orders","namespace":"shop"},"spec":{"host":"","subsets":[{}],"trafficPolicy":{"portLevelSettings":[{}]}}}`,
		},
		"selectors that are null": {
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"orders","namespace":"shop"},"spec":{"selector":null,"template":{"metadata":null,"spec":{"containers":null}}}}`,
			`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"all","namespace":"shop"},"spec":{"podSelector":null,"ingress":[{"from":[{}],"ports":[{}]}]}}`,
			`{"apiVersion":"security.istio.io/v1","kind":"AuthorizationPolicy","metadata":{"name":"all","namespace":"shop"},"spec":{"selector":null,"rules":[{},{"from":[{}],"to":[{}],"when":[{}]}]}}`,
			`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingWebhookConfiguration","metadata":{"name":"istio-sidecar-injector"},"webhooks":[{},{"name":"x","clientConfig":{},"rules":[{}]}]}`,
		},
		"a delegate that leads back to itself": {
			`{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"loop","namespace":"shop"},"spec":{"hosts":["a.example.com"],"gateways":["public"],"http":[{"delegate":{"name":"loop"}}]}}`,
			`{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"there","namespace":"shop"},"spec":{"http":[{"delegate":{"name":"back"}}]}}`,
			`{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"back","namespace":"shop"},"spec":{"http":[{"delegate":{"name":"there"}}]}}`,
			`{"apiVersion":"v1","kind":"Service","metadata":{"name":"self","namespace":"shop"},"spec":{"type":"ExternalName","externalName":"self.shop.svc.cluster.local","ports":[{"name":"grpc","port":1}]}}`,
		},
		"an annotation of a megabyte": {fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"big","namespace":"shop","annotations":{"sidecar.istio.io/status":%[1]q,`+
			`"traffic.sidecar.istio.io/excludeInboundPorts":%[1]q,"proxy.istio.io/config":%[1]q,"grpcexpose/ignore":%[1]q}}}`, strings.Repeat("{[,", 1<<20/3))},
	}
	for _, kind := range mesh.Kinds() {
		info := kind.Info()
		absurd[string(kind)+" with nothing but a name"] = []string{
			fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":"hollow","namespace":"shop"}}`, info.GroupVersion().String(), info.Kind),
		}
	}
	for name, texts := range absurd {
		t.Run(name, func(t *testing.T) {
			objects := append([]mesh.Sourced{}, casetest.Base(t, "default")...)
			for _, text := range texts {
				objects = append(objects, decodeOne(t, text))
			}
			started := time.Now()
			assertNothingFails(t, objects)
			assert.Less(t, time.Since(started), 10*time.Second)
		})
	}
}

// TestTenThousandVirtualServicesOnOneHost would run for hours if they were compared with each other.
func TestTenThousandVirtualServicesOnOneHost(t *testing.T) {
	objects := append([]mesh.Sourced{}, casetest.Base(t, "default")...)
	for _, text := range []string{fixedNamespace, fixedGateway, grownService(0), grownDeployment(0)} {
		objects = append(objects, decodeOne(t, text))
	}
	for i := range 10_000 {
		objects = append(objects, decodeOne(t, grownRoute(i, fmt.Sprintf(`[{"uri":{"prefix":"/pkg.App%d/"}}]`, i/2))))
	}
	started := time.Now()
	report := Run(mesh.New(objects, mesh.Options{Now: casetest.Now}), Options{AllScopes: true})
	assert.Less(t, time.Since(started), 30*time.Second)
	shadowed := 0
	for _, finding := range report.Findings {
		if finding.ID == "GX507" {
			shadowed++
		}
	}
	assert.Equal(t, 5000, shadowed, "each second one asks for what the one before takes")
}
