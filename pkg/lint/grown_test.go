package lint

import "fmt"

// growths are clusters in which much of one thing is in one place: the i-th pieces of each.
var growths = map[string]func(i int) []string{
	"Services of three pods": func(i int) []string {
		return append([]string{grownService(i), grownDeployment(i)}, grownPod(i, 0), grownPod(i, 1), grownPod(i, 2))
	},
	"Services without port name, routed on one host": func(i int) []string {
		return []string{grownDeployment(i), grownPod(i, 0), grownRoute(i, fmt.Sprintf(`[{"uri":{"prefix":"/pkg.App%d/"}}]`, i)), fmt.Sprintf(
			`{"apiVersion":"v1","kind":"Service","metadata":{"name":"app-%[1]d","namespace":"shop"},"spec":{"selector":{"app":"app-%[1]d"},"ports":[{"port":8000,"targetPort":50051}]}}`, i)}
	},
	"catch-all VirtualServices on one host": func(i int) []string {
		return []string{grownService(i), grownRoute(i, `[]`)}
	},
	"VirtualServices on one host that match headers": func(i int) []string {
		return []string{grownRoute(i, fmt.Sprintf(`[{"headers":{"x-tenant":{"exact":"t%d"}}}]`, i))}
	},
	"VirtualServices on one host that match by regular expression": func(i int) []string {
		return []string{grownRoute(i, fmt.Sprintf(`[{"uri":{"regex":"/pkg[.]App%d/.*"}}]`, i))}
	},
	"VirtualServices of a host each": func(i int) []string {
		return []string{fmt.Sprintf(`{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"app-%[1]d","namespace":"shop"},"spec":{`+
			`"hosts":["a%[1]d.example.com"],"gateways":["istio-system/public"],"http":[{"route":[{"destination":{"host":"app-%[1]d","port":{"number":8000}}}]}]}}`, i), grownService(i)}
	},
	"Gateways of a host each with a VirtualService": func(i int) []string {
		return []string{
			grownGateway(i, "GRPC", 8000, fmt.Sprintf(`"g%d.example.com"`, i), ""), grownService(i),
			fmt.Sprintf(`{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"app-%[1]d","namespace":"shop"},"spec":{`+
				`"hosts":["g%[1]d.example.com"],"gateways":["gateway-%[1]d"],"http":[{"route":[{"destination":{"host":"app-%[1]d","port":{"number":8000}}}]}]}}`, i),
		}
	},
	"Gateways for every host": func(i int) []string { return []string{grownGateway(i, "GRPC", 8000, `"*"`, "")} },
	"Gateways with TLS": func(i int) []string {
		return []string{grownGateway(i, "HTTPS", 443, fmt.Sprintf(`"g%d.example.com"`, i), `,"tls":{"mode":"SIMPLE","credentialName":"certificate"}`)}
	},
	"Gateways with TLS for every host": func(i int) []string {
		return []string{grownGateway(i, "HTTPS", 443, `"*"`, `,"tls":{"mode":"SIMPLE","credentialName":"certificate"}`)}
	},
	"DestinationRules of a host each": func(i int) []string {
		return []string{grownService(i), grownDeployment(i), fmt.Sprintf(`{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule","metadata":{"name":"rule-%[1]d","namespace":"shop"},`+
			`"spec":{"host":"app-%[1]d","subsets":[{"name":"v1","labels":{"version":"v1"}}]}}`, i)}
	},
	"DestinationRules of one host": func(i int) []string {
		return []string{fmt.Sprintf(`{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule","metadata":{"name":"rule-%[1]d","namespace":"shop"},"spec":{"host":"app-0"}}`, i)}
	},
	"AuthorizationPolicies of a workload each": func(i int) []string {
		return []string{grownService(i), grownDeployment(i), grownPod(i, 0), fmt.Sprintf(`{"apiVersion":"security.istio.io/v1","kind":"AuthorizationPolicy","metadata":{"name":"policy-%[1]d","namespace":"shop"},`+
			`"spec":{"selector":{"matchLabels":{"app":"app-%[1]d"}},"rules":[{"from":[{"source":{"namespaces":["istio-system"]}}]}]}}`, i)}
	},
	"PeerAuthentications of a workload each": func(i int) []string {
		return []string{grownService(i), grownDeployment(i), grownPod(i, 0), fmt.Sprintf(`{"apiVersion":"security.istio.io/v1","kind":"PeerAuthentication","metadata":{"name":"peer-%[1]d","namespace":"shop"},`+
			`"spec":{"selector":{"matchLabels":{"app":"app-%[1]d"}},"mtls":{"mode":"STRICT"}}}`, i)}
	},
	"NetworkPolicies of a workload each": func(i int) []string {
		return []string{grownService(i), grownDeployment(i), grownPod(i, 0), fmt.Sprintf(`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"policy-%[1]d","namespace":"shop"},`+
			`"spec":{"podSelector":{"matchLabels":{"app":"app-%[1]d"}},"ingress":[{"from":[{"namespaceSelector":{}}]}]}}`, i)}
	},
	"ServiceEntries": func(i int) []string {
		return []string{grownService(i), fmt.Sprintf(`{"apiVersion":"networking.istio.io/v1","kind":"ServiceEntry","metadata":{"name":"entry-%[1]d","namespace":"shop"},`+
			`"spec":{"hosts":["app-%[1]d.shop.svc.cluster.local"],"ports":[{"number":8000,"name":"grpc","protocol":"GRPC"}],"resolution":"DNS"}}`, i)}
	},
	"Sidecars of a workload each": func(i int) []string {
		return []string{grownService(i), grownDeployment(i), fmt.Sprintf(`{"apiVersion":"networking.istio.io/v1","kind":"Sidecar","metadata":{"name":"sidecar-%[1]d","namespace":"shop"},`+
			`"spec":{"workloadSelector":{"labels":{"app":"app-%[1]d"}},"egress":[{"hosts":["./*"]}]}}`, i)}
	},
	"EnvoyFilters of a workload each": func(i int) []string {
		return []string{grownService(i), grownDeployment(i), fmt.Sprintf(`{"apiVersion":"networking.istio.io/v1alpha3","kind":"EnvoyFilter","metadata":{"name":"filter-%[1]d","namespace":"shop"},`+
			`"spec":{"workloadSelector":{"labels":{"app":"app-%[1]d"}},"configPatches":[{"applyTo":"HTTP_FILTER","match":{"context":"SIDECAR_INBOUND"},`+
			`"patch":{"operation":"INSERT_BEFORE","value":{"name":"envoy.filters.http.buffer","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer"}}}}]}}`, i)}
	},
	"GRPCRoutes of one Gateway": func(i int) []string {
		return []string{grownService(i), fmt.Sprintf(`{"apiVersion":"gateway.networking.k8s.io/v1","kind":"GRPCRoute","metadata":{"name":"route-%[1]d","namespace":"shop"},`+
			`"spec":{"parentRefs":[{"name":"public","namespace":"shop"}],"hostnames":["r%[1]d.example.com"],"rules":[{"backendRefs":[{"name":"app-%[1]d","port":8000}]}]}}`, i)}
	},
	"HTTPRoutes of a Gateway each": func(i int) []string {
		return []string{grownService(i), fmt.Sprintf(`{"apiVersion":"gateway.networking.k8s.io/v1","kind":"Gateway","metadata":{"name":"gateway-%[1]d","namespace":"shop"},`+
			`"spec":{"gatewayClassName":"istio","listeners":[{"name":"grpc","port":80,"protocol":"HTTP"}]}}`, i), fmt.Sprintf(
			`{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{"name":"route-%[1]d","namespace":"shop"},`+
				`"spec":{"parentRefs":[{"name":"gateway-%[1]d"}],"rules":[{"backendRefs":[{"name":"app-%[1]d","port":8000}]}]}}`, i)}
	},
	"Services of the same pods": func(i int) []string {
		return []string{fmt.Sprintf(`{"apiVersion":"v1","kind":"Service","metadata":{"name":"same-%[1]d","namespace":"shop"},"spec":{"selector":{"team":"x"},`+
			`"ports":[{"name":"grpc","port":8000,"targetPort":50051}]}}`, i)}
	},
	"pods of one workload": func(i int) []string { return []string{grownPod(0, i)} },
	"namespaces": func(i int) []string {
		return []string{fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"ns-%d","labels":{"istio-injection":"enabled"}}}`, i)}
	},
	"delegates of one VirtualService each": func(i int) []string {
		return []string{fmt.Sprintf(`{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"root-%[1]d","namespace":"shop"},"spec":{`+
			`"hosts":["app.example.com"],"gateways":["istio-system/public"],"http":[{"match":[{"uri":{"prefix":"/pkg.App%[1]d/"}}],"delegate":{"name":"leaf-%[1]d"}}]}}`, i), fmt.Sprintf(
			`{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"leaf-%[1]d","namespace":"shop"},"spec":{"http":[{"route":[{"destination":{"host":"app-%[1]d"}}]}]}}`, i), grownService(i)}
	},
}

const (
	fixedNamespace = `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","labels":{"istio-injection":"enabled"}}}`
	fixedGateway   = `{"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"name":"public","namespace":"istio-system"},"spec":{` +
		`"selector":{"istio":"ingressgateway"},"servers":[{"port":{"number":8000,"name":"grpc","protocol":"GRPC"},"hosts":["*"]}]}}`
	fixedKubernetesGateway = `{"apiVersion":"gateway.networking.k8s.io/v1","kind":"Gateway","metadata":{"name":"public","namespace":"shop"},` +
		`"spec":{"gatewayClassName":"istio","listeners":[{"name":"grpc","port":80,"protocol":"HTTP"}]}}`
)

func grownService(i int) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"Service","metadata":{"name":"app-%[1]d","namespace":"shop"},"spec":{"selector":{"app":"app-%[1]d"},`+
		`"ports":[{"name":"grpc","port":8000,"targetPort":50051}]}}`, i)
}

func grownDeployment(i int) string {
	return fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"app-%[1]d","namespace":"shop"},"spec":{"replicas":3,`+
		`"selector":{"matchLabels":{"app":"app-%[1]d"}},"template":{"metadata":{"labels":{"app":"app-%[1]d","team":"x"}},"spec":{"containers":[`+
		`{"name":"app","env":[{"name":"PEER","value":"app-%[1]d.shop:8000"}],"ports":[{"name":"grpc","containerPort":50051}]}]}}}}`, i)
}

func grownPod(i, number int) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"app-%[1]d-%[2]d","namespace":"shop","labels":{"app":"app-%[1]d","team":"x"},`+
		`"annotations":{"sidecar.istio.io/status":"{\"containers\":[\"istio-proxy\"],\"revision\":\"default\"}"}}}`, i, number)
}

func grownRoute(i int, match string) string {
	return fmt.Sprintf(`{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"app-%[1]d","namespace":"shop"},"spec":{`+
		`"hosts":["app.example.com"],"gateways":["istio-system/public"],"http":[{"match":%[2]s,"route":[{"destination":{"host":"app-%[1]d"}}]}]}}`, i, match)
}

func grownGateway(i int, protocol string, port int, hosts, tls string) string {
	return fmt.Sprintf(`{"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"name":"gateway-%[1]d","namespace":"shop"},"spec":{`+
		`"selector":{"istio":"ingressgateway"},"servers":[{"port":{"number":%[3]d,"name":"p","protocol":"%[2]s"},"hosts":[%[4]s]%[5]s}]}}`, i, protocol, port, hosts, tls)
}
