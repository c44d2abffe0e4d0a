package main

import (
	"fmt"
	"strings"
)

// size is how much a cluster holds.
type size struct {
	namespaces, services, pods, virtualServices, gateways int
}

// large is the cluster that is measured, small the one that shows how time and memory grow.
var (
	large = size{namespaces: 200, services: 3000, pods: 10_000, virtualServices: 1000, gateways: 200}
	small = size{namespaces: 20, services: 300, pods: 1000, virtualServices: 100, gateways: 20}
)

func (s size) String() string {
	return fmt.Sprintf("%d namespaces, %d Services, %d pods, %d VirtualServices, %d Gateways",
		s.namespaces, s.services, s.pods, s.virtualServices, s.gateways)
}

// namespaceObjects are the namespaces, which must be there before everything else.
func (s size) namespaceObjects() []string {
	var objects []string
	for n := range s.namespaces {
		objects = append(objects, fmt.Sprintf(`{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {istio-injection: enabled, team: "%d"}}}`, namespace(n), n%10))
	}
	return objects
}

// objects are all others. Two thirds of the Services are gRPC, a third plain HTTP, and of both some are routed; one in sixty has
// the name of its port wrong, as happens.
func (s size) objects() []string {
	var objects []string
	for n := range s.gateways {
		objects = append(objects, gatewayOf(namespace(n%s.namespaces), n/s.namespaces))
	}
	perNamespace, routed := s.services/s.namespaces, s.virtualServices/s.namespaces
	for i := range s.services {
		a := app{number: i, namespace: namespace(i / perNamespace), name: fmt.Sprintf("app-%02d", i%perNamespace), replicas: s.pods / s.services}
		if i%3 == 0 {
			a.replicas += s.pods % s.services * 3 / s.services
		}
		a.portName, a.targetName, a.prefix = "grpc", "grpc", fmt.Sprintf("/shop.v1.App%d/", i)
		if i%3 == 2 {
			a.portName, a.targetName, a.prefix = "http", "web", "/"
		}
		if i%60 == 0 {
			a.portName = "api"
		}
		objects = append(objects, a.deployment(), a.service())
		if i%perNamespace < routed {
			objects = append(objects, a.virtualService())
		}
	}
	return objects
}

func namespace(number int) string { return fmt.Sprintf("team-%03d", number) }

func gatewayOf(namespace string, number int) string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public-%[2]d, namespace: %[1]s}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8000, name: grpc, protocol: GRPC}
    hosts: ["./*.%[1]s.example.com"]
`, namespace, number)
}

// app is a Deployment with a Service and, for some, a VirtualService.
type app struct {
	number, replicas int
	namespace, name  string
	// portName is the Service port's, targetName the container port's; prefix is what is routed to it.
	portName, targetName, prefix string
}

func (a app) fill(template string) string {
	return strings.NewReplacer("NAMESPACE", a.namespace, "NAME", a.name, "PORT", a.portName, "TARGET", a.targetName, "PREFIX", a.prefix,
		"REPLICAS", fmt.Sprint(a.replicas), "NUMBER", fmt.Sprint(a.number)).Replace(template)
}

func (a app) deployment() string {
	return a.fill(`
apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
  namespace: NAMESPACE
  labels: {app.kubernetes.io/name: NAME, app.kubernetes.io/part-of: shop, app.kubernetes.io/managed-by: Helm}
spec:
  replicas: REPLICAS
  selector: {matchLabels: {app: NAME}}
  template:
    metadata:
      labels: {app: NAME, version: v1, app.kubernetes.io/part-of: shop}
      annotations: {prometheus.io/scrape: "true", prometheus.io/port: "9090", checksum/config: 4f0b3a1e5d8c7b6a9f0e1d2c3b4a59687768594a3b2c1d0e}
    spec:
      containers:
      - name: server
        image: registry.example.com/shop/NAME:1.NUMBER.0
        args: [--listen=0.0.0.0:8080, --metrics=:9090, --log-level=info]
        env:
        - {name: ENVIRONMENT, value: production}
        - {name: DATABASE_URL, value: "postgres://db.NAMESPACE.svc.cluster.local:5432/NAME"}
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        ports:
        - {name: TARGET, containerPort: 8080}
        - {name: metrics, containerPort: 9090}
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 5}
        livenessProbe: {tcpSocket: {port: 8080}, periodSeconds: 10}
        resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}
        volumeMounts: [{name: config, mountPath: /etc/app}]
      volumes: [{name: config, emptyDir: {}}]
`)
}

func (a app) service() string {
	return a.fill(`
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: NAMESPACE, labels: {app.kubernetes.io/name: NAME, app.kubernetes.io/part-of: shop}}
spec:
  selector: {app: NAME}
  ports: [{name: PORT, port: 8000, targetPort: TARGET}]
`)
}

func (a app) virtualService() string {
	return a.fill(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME, namespace: NAMESPACE}
spec:
  hosts: [NAME.NAMESPACE.example.com]
  gateways: [public-0]
  http:
  - match: [{uri: {prefix: PREFIX}}]
    route: [{destination: {host: NAME, port: {number: 8000}}}]
`)
}
