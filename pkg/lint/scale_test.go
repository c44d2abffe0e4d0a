package lint

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// BenchmarkRun judges clusters that grow: time grows with the number of objects, not with its square.
func BenchmarkRun(b *testing.B) {
	for _, services := range []int{300, 3000} {
		b.Run(fmt.Sprint(services), func(b *testing.B) {
			objects := clusterOf(b, services, 200)
			b.ResetTimer()
			for b.Loop() {
				Run(mesh.New(objects, mesh.Options{Now: casetest.Now}), Options{})
			}
		})
	}
	// Everything in one namespace, on one host: nothing is found by namespace or host alone.
	b.Run("3000 in one namespace", func(b *testing.B) {
		objects := clusterOf(b, 3000, 1)
		b.ResetTimer()
		for b.Loop() {
			Run(mesh.New(objects, mesh.Options{Now: casetest.Now}), Options{})
		}
	})
}

// clusterOf is a cluster with that many Services, each with a Deployment of three pods, and a third of them routed.
func clusterOf(b testing.TB, services, namespaces int) []mesh.Sourced {
	b.Helper()
	var objects []mesh.Sourced
	add := func(format string, arguments ...any) {
		objects = append(objects, decodeOne(b, fmt.Sprintf(format, arguments...)))
	}
	objects = append(objects, casetest.Base(b, "default")...)
	for n := range namespaces {
		add(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"ns-%d","labels":{"istio-injection":"enabled"}}}`, n)
	}
	for i := range services {
		ns := i % namespaces
		add(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"app-%[1]d","namespace":"ns-%[2]d"},"spec":{"replicas":3,`+
			`"selector":{"matchLabels":{"app":"app-%[1]d"}},"template":{"metadata":{"labels":{"app":"app-%[1]d","team":"x"}},"spec":{"containers":[`+
			`{"name":"app","ports":[{"name":"grpc","containerPort":50051}],"readinessProbe":{"grpc":{"port":50051}}}]}}}}`, i, ns)
		add(`{"apiVersion":"v1","kind":"Service","metadata":{"name":"app-%[1]d","namespace":"ns-%[2]d"},"spec":{"selector":{"app":"app-%[1]d","team":"x"},`+
			`"ports":[{"name":"http","port":8000,"targetPort":50051}]}}`, i, ns)
		for pod := range 3 {
			add(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"app-%[1]d-%[3]d","namespace":"ns-%[2]d","labels":{"app":"app-%[1]d","team":"x"},`+
				`"annotations":{"sidecar.istio.io/status":"{\"containers\":[\"istio-proxy\"],\"revision\":\"default\"}"}}}`, i, ns, pod)
		}
		if i%3 == 0 {
			add(`{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"app-%[1]d","namespace":"ns-%[2]d"},"spec":{`+
				`"hosts":["app.example.com"],"gateways":["istio-system/public"],"http":[{"match":[{"uri":{"prefix":"/pkg.App%[1]d/"}}],`+
				`"route":[{"destination":{"host":"app-%[1]d"}}]}]}}`, i, ns)
		}
	}
	add(`{"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"name":"public","namespace":"istio-system"},"spec":{` +
		`"selector":{"istio":"ingressgateway"},"servers":[{"port":{"number":8000,"name":"grpc","protocol":"GRPC"},"hosts":["*"]}]}}`)
	return objects
}

func decodeOne(b testing.TB, text string) mesh.Sourced {
	b.Helper()
	object, known, err := mesh.Decode([]byte(text))
	require.NoError(b, err)
	require.True(b, known)
	return mesh.Sourced{Object: object}
}
