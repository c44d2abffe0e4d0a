package e2e

import (
	"testing"
)

const twoPorts = `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: test}
spec:
  selector: {app: server}
  ports:
  - {name: metrics, port: 9090}
  - {name: http, port: 7000, targetPort: 50051}
`

// service is a Service of the recipe's pods with one port that leads to the server.
func service(portFields string) string {
	return `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: test}
spec:
  selector: {app: server}
  ports: [{port: 8000, targetPort: 50051` + portFields + `}]
`
}

// A Service that is there is used, and its port made one that Istio knows as gRPC.
func TestExistingService(t *testing.T) {
	tests := map[string]struct {
		service string
		flags   []string
	}{
		"http":                  {service: service(`, name: http`)},
		"tcp":                   {service: service(`, name: tcp-x`)},
		"otlp-grpc":             {service: service(`, name: otlp-grpc`)},
		"unnamed":               {service: service(``)},
		"wrong-appProtocol":     {service: service(`, name: grpc, appProtocol: http`)},
		"right-already":         {service: service(`, name: grpc-api`)},
		"h2c":                   {service: service(`, name: web, appProtocol: kubernetes.io/h2c`)},
		"two-ports":             {service: twoPorts},
		"asked-for-appProtocol": {service: service(`, name: http`), flags: []string{"--port-fix=app-protocol"}},
		"name-referred-to": {service: service(`, name: http`) + `---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: test}
spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: server, port: {name: http}}}}]}}]}
`},
		"no-such-target": {service: `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: test}
spec: {selector: {app: server}, ports: [{name: web, port: 80, targetPort: 8080}]}
`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := on(t, onDefault)
			s.given(server + "---" + test.service)
			s.thereAndBack(func() { s.show("services", "server") }, test.flags...)
		})
	}
}

// A Service that is open to the outside by itself stays so; that calls can by-pass the gateway is said, and with --strict a bad answer.
func TestNodePortService(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + service(`, name: http`) + "  type: NodePort\n")
	s.thereAndBackWith(1, recipe("--strict"), func() { s.show("services", "server") })
}
