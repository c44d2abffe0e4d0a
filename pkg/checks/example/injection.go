package example

import (
	"fmt"
	"strings"
)

// Namespace is, with Workload and Pod, one of the parts of which the examples of the injection checks are made: a
// namespace shop with the labels, a Deployment checkout behind a Service, its template's metadata beside the label app, and one
// of its pods with the annotations.
func Namespace(labels string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata:
  name: shop
  labels: {%s}
`, labels)
}

// Workload is the Deployment with its Service; see Namespace.
func Workload(labels, annotations, spec string) string {
	template := "      labels: {app: checkout" + labels + "}\n"
	if annotations != "" {
		template = "      annotations: {" + annotations + "}\n" + template
	}
	if spec != "" {
		spec = "      " + spec + "\n"
	}
	return fmt.Sprintf(`---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: checkout
  namespace: shop
spec:
  replicas: 2
  selector:
    matchLabels: {app: checkout}
  template:
    metadata:
%s    spec:
%s      containers:
      - name: checkout
        image: registry.example.com/shop/checkout:1.4.2
        ports:
        - {name: grpc, containerPort: 50051}
        readinessProbe:
          grpc: {port: 50051}
---
apiVersion: v1
kind: Service
metadata:
  name: checkout
  namespace: shop
spec:
  selector: {app: checkout}
  ports:
  - {name: grpc, port: 8000, targetPort: 50051}
`, template, spec)
}

// Pod is one of its pods; see Namespace.
func Pod(annotations string) string {
	return fmt.Sprintf(`---
apiVersion: v1
kind: Pod
metadata:
  name: checkout-5d9c7b8f6-x2x4z
  namespace: shop
  labels: {app: checkout, pod-template-hash: 5d9c7b8f6}
  annotations: {%s}
  ownerReferences:
  - {apiVersion: apps/v1, kind: ReplicaSet, name: checkout-5d9c7b8f6, uid: 5d2c1f9e-7b04-4d1a-8c55-a588bed80a01, controller: true}
spec:
  containers:
  - name: checkout
    image: registry.example.com/shop/checkout:1.4.2
    ports:
    - {name: grpc, containerPort: 50051}
    readinessProbe:
      grpc: {port: 50051}
status:
  phase: Running
  conditions:
  - {type: Ready, status: "True"}
`, annotations)
}

// Injected is the annotation that an injector of the revision leaves on pods.
func Injected(revision string) string {
	return fmt.Sprintf(`sidecar.istio.io/status: '{"containers":["istio-proxy"],"revision":"%s"}'`, revision)
}

// Mesh puts the parts of an example together.
func Mesh(parts ...string) string { return strings.Join(parts, "") }

// Istiod is the endpoint of the injector.
func Istiod(ready bool) string {
	return fmt.Sprintf(`---
# In place of the control plane's endpoint in the mesh.
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: istiod-4xk7d
  namespace: istio-system
  labels: {kubernetes.io/service-name: istiod}
addressType: IPv4
ports:
- {name: https-webhook, port: 15017, protocol: TCP}
endpoints:
- addresses: [10.244.0.10]
  conditions: {ready: %t}
`, ready)
}

// Discovery is a mesh config whose discovery selectors ask for a label on namespaces.
const Discovery = `---
# In place of the mesh config of the mesh.
apiVersion: v1
kind: ConfigMap
metadata:
  name: istio
  namespace: istio-system
data:
  mesh: |-
    discoverySelectors:
    - matchLabels: {istio-discovery: enabled}
    - matchLabels: {kubernetes.io/metadata.name: istio-system}
`
