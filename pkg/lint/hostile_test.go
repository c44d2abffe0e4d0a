package lint

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// hostileBytes is a little less than the largest object that an API server stores (etcd's limit of requests is 1.5 MiB).
const hostileBytes = 1_500_000

// hostiles are what a tenant may put into his namespace to make the run slow for all: objects that are as large as the API server
// lets them be, each with much of one thing. size is in bytes; some objects go together, of which each has a part of it.
var hostiles = map[string]func(size int) []string{
	"Namespace: labels": func(size int) []string {
		return []string{hostile("v1", "Namespace", `"labels":{`+upTo(size, `"l%d":"v"`)+`}`, ``)}
	},
	"Namespace: annotations": func(size int) []string {
		return []string{hostile("v1", "Namespace", `"annotations":{`+upTo(size, `"l%d":"v"`)+`}`, ``)}
	},
	"Pod: labels": func(size int) []string {
		return []string{hostileService, hostile("v1", "Pod", `"labels":{"app":"evil",`+upTo(size, `"l%d":"v"`)+`},`+proxied, hostilePodSpec)}
	},
	"Pod: containers": func(size int) []string {
		return []string{hostileService, hostile("v1", "Pod", `"labels":{"app":"evil"},`+proxied, `"spec":{"containers":[`+upTo(size, `{"name":"c%[1]d","ports":[{"containerPort":%[1]d}]}`)+`]}`)}
	},
	"Pod: status annotation": func(size int) []string {
		return []string{hostileService, hostile("v1", "Pod", `"labels":{"app":"evil"},"annotations":{"sidecar.istio.io/status":"{\"containers\":[`+upTo(size, `\"c%d\"`)+`]}"}`, hostilePodSpec)}
	},
	"Pod: conditions": func(size int) []string {
		return []string{hostileService, hostile("v1", "Pod", `"labels":{"app":"evil"},`+proxied, hostilePodSpec+`,"status":{"conditions":[`+upTo(size/2, `{"type":"t%d","status":"True"}`)+`],"containerStatuses":[`+upTo(size/2, `{"name":"c%d","ready":true}`)+`]}`)}
	},
	"Deployment: ports": func(size int) []string {
		return []string{hostileService, hostileDeployment(`"ports":[` + upTo(size, `{"name":"grpc-%[1]d","containerPort":%[1]d}`) + `]`)}
	},
	"Deployment: ports of one name": func(size int) []string {
		return []string{hostileService, hostileDeployment(`"ports":[` + upTo(size, `{"name":"grpc","containerPort":%[1]d}`) + `]`)}
	},
	"Deployment: containers": func(size int) []string {
		return []string{hostileService, hostile("apps/v1", "Deployment", ``, `"spec":{"selector":{"matchLabels":{"app":"evil"}},"template":{"metadata":{"labels":{"app":"evil"}},"spec":{"containers":[`+
			upTo(size, `{"name":"c%[1]d","ports":[{"name":"grpc","containerPort":%[1]d}]}`)+`]}}}`)}
	},
	"Deployment: environment that names Services": func(size int) []string {
		return []string{hostileService, hostileDeployment(`"env":[` + upTo(size, `{"name":"E%[1]d","value":"app-%[1]d.ns-1:8000"}`) + `]`)}
	},
	"Deployment: environment that names its own port": func(size int) []string {
		return []string{hostileService, hostileDeployment(`"env":[` + upTo(size, `{"name":"GRPC_PORT_%[1]d","value":"evil.evil.svc.cluster.local:8000"}`) + `]`)}
	},
	"Deployment: arguments": func(size int) []string {
		return []string{hostileService, hostileDeployment(`"args":[` + upTo(size, `"--listen=127.0.0.1:%d"`) + `]`)}
	},
	"Deployment: one long argument": func(size int) []string {
		return []string{hostileService, hostileDeployment(`"args":["` + strings.Repeat("127.0.0.1:", size/10) + `"],"env":[{"name":"A","value":"` + strings.Repeat("a.", size/2) + `"}]`)}
	},
	"Deployment: template labels": func(size int) []string {
		return []string{hostileService, hostile("apps/v1", "Deployment", ``, `"spec":{"selector":{"matchLabels":{"app":"evil"}},"template":{"metadata":{"labels":{"app":"evil",`+upTo(size, `"l%d":"v"`)+`}},"spec":{"containers":[{"name":"app"}]}}}`)}
	},
	"Deployment: ports annotations": func(size int) []string {
		return []string{hostileService, hostileAnnotated("traffic.sidecar.istio.io/includeInboundPorts", size, `%d`), hostileAnnotated("traffic.sidecar.istio.io/excludeInboundPorts", size, `%d`)}
	},
	"Deployment: ignore annotation": func(size int) []string {
		return []string{hostileService, hostile("apps/v1", "Deployment", `"annotations":{"grpcexpose/ignore":"`+upTo(size, `GX999`)+`"}`, hostileWorkloadSpec(``))}
	},
	"Service: ignore annotation and ports": func(size int) []string {
		return []string{hostileDeployment(``), hostile("v1", "Service", `"annotations":{"grpcexpose/ignore":"`+upTo(size/2, `GX999: %d`)+`"}`, `"spec":{"selector":{"app":"evil"},"ports":[`+upTo(size/2, `{"name":"grpc-%[1]d","port":%[1]d}`)+`]}`)}
	},
	"StatefulSet: ports": func(size int) []string {
		return []string{hostileService, hostile("apps/v1", "StatefulSet", ``, hostileWorkloadSpec(`"ports":[`+upTo(size, `{"name":"grpc-%[1]d","containerPort":%[1]d}`)+`]`))}
	},
	"DaemonSet: ports": func(size int) []string {
		return []string{hostileService, hostile("apps/v1", "DaemonSet", ``, hostileWorkloadSpec(`"ports":[`+upTo(size, `{"name":"grpc-%[1]d","containerPort":%[1]d,"hostPort":%[1]d}`)+`]`))}
	},
	"Service: gRPC ports": func(size int) []string {
		return []string{hostileDeployment(``), hostilePorts(size, `{"name":"grpc-%[1]d","port":%[1]d}`)}
	},
	"Service: ports without a name of a workload that declares them": func(size int) []string {
		return []string{
			hostileDeployment(`"ports":[` + upTo(size/2, `{"name":"grpc-%[1]d","containerPort":%[1]d}`) + `]`),
			hostilePorts(size, `{"port":%[1]d,"targetPort":%[1]d}`),
		}
	},
	"Service: ports that are named by target": func(size int) []string {
		return []string{
			hostileDeployment(`"ports":[` + upTo(size/2, `{"name":"grpc-%[1]d","containerPort":%[1]d}`) + `]`),
			hostilePorts(size, `{"name":"tcp-%[1]d","port":%[1]d,"targetPort":"grpc-%[1]d"}`),
		}
	},
	"Service: ports whose target nobody has": func(size int) []string {
		return []string{
			hostileDeployment(`"ports":[` + upTo(size/2, `{"name":"grpc-%[1]d","containerPort":%[1]d}`) + `]`),
			hostilePorts(size, `{"name":"grpc-%[1]d","port":%[1]d,"targetPort":"not-%[1]d"}`),
		}
	},
	"Service: UDP ports": func(size int) []string {
		return []string{hostileDeployment(``), hostilePorts(size, `{"name":"grpc-%[1]d","port":%[1]d,"protocol":"UDP"}`)}
	},
	"Service: ports with appProtocol": func(size int) []string {
		return []string{hostileDeployment(``), hostilePorts(size, `{"name":"grpc-%[1]d","port":%[1]d,"appProtocol":"http"}`)}
	},
	"Service: headless": func(size int) []string {
		return []string{hostileDeployment(``), hostile("v1", "Service", ``, `"spec":{"clusterIP":"None","selector":{"app":"evil"},"ports":[`+upTo(size, `{"name":"grpc-%[1]d","port":%[1]d}`)+`]}`)}
	},
	"Service: load balancer": func(size int) []string {
		return []string{hostileDeployment(``), hostile("v1", "Service", ``, `"spec":{"type":"LoadBalancer","selector":{"app":"evil"},"ports":[`+upTo(size/2, `{"name":"grpc-%[1]d","port":%[1]d,"nodePort":%[1]d}`)+
			`]},"status":{"loadBalancer":{"ingress":[`+upTo(size/2, `{"hostname":"h%d"}`)+`]}}`)}
	},
	"Service: external name": func(size int) []string {
		return []string{hostile("v1", "Service", ``, `"spec":{"type":"ExternalName","externalName":"app-0.ns-0.svc.cluster.local","ports":[`+upTo(size, `{"name":"grpc-%[1]d","port":%[1]d}`)+`]}`)}
	},
	"Service: selector": func(size int) []string {
		return []string{hostileDeployment(``), hostile("v1", "Service", ``, `"spec":{"selector":{"app":"evil",`+upTo(size, `"l%d":"v"`)+`},"ports":[{"name":"grpc","port":8000}]}`)}
	},
	"Service: exportTo": func(size int) []string {
		return []string{hostileDeployment(``), hostile("v1", "Service", `"annotations":{"networking.istio.io/exportTo":"`+upTo(size/2, `n%d`)+`"}`, `"spec":{"selector":{"app":"evil"},"ports":[`+upTo(size/2, `{"name":"grpc-%[1]d","port":%[1]d}`)+`]}`)}
	},
	"EndpointSlice: endpoints": func(size int) []string {
		return []string{hostileService, hostile("discovery.k8s.io/v1", "EndpointSlice", `"labels":{"kubernetes.io/service-name":"evil"}`,
			`"addressType":"IPv4","ports":[{"port":50051}],"endpoints":[`+upTo(size, `{"addresses":["10.0.0.1"],"conditions":{"ready":false},"targetRef":{"kind":"Pod","namespace":"evil","name":"p%d"}}`)+`]`)}
	},
	"EndpointSlice: ports": func(size int) []string {
		return []string{
			hostilePorts(size, `{"name":"grpc-%[1]d","port":%[1]d}`),
			hostile("discovery.k8s.io/v1", "EndpointSlice", `"labels":{"kubernetes.io/service-name":"evil"}`,
				`"addressType":"IPv4","ports":[`+upTo(size/2, `{"name":"grpc-%[1]d","port":%[1]d}`)+`],"endpoints":[`+upTo(size/2, `{"addresses":["10.0.0.1"]}`)+`]`),
		}
	},
	"Secret: certificates": func(size int) []string {
		return []string{hostileGateway(`{"port":{"number":443,"name":"s","protocol":"HTTPS"},"hosts":["*"],"tls":{"mode":"SIMPLE","credentialName":"evil"}}`), hostile("v1", "Secret", ``,
			`"data":{"tls.key":"YQ==","tls.crt":"`+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n", size/80)))+`"}`)}
	},
	"ConfigMap: mesh configuration": func(size int) []string {
		return []string{hostile("v1", "ConfigMap", ``, `"data":{"mesh":"`+upTo(size, `a%d: b\n`)+`"}`)}
	},
	"MutatingWebhookConfiguration: webhooks": func(size int) []string {
		return []string{hostile("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", `"labels":{"app":"sidecar-injector"}`, `"webhooks":[`+
			upTo(size, `{"name":"w%d.istio.io","clientConfig":{"service":{"name":"istiod","namespace":"istio-system","path":"/inject"}},"namespaceSelector":{"matchLabels":{"x":"y"}},`+
				`"rules":[{"operations":["CREATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["pods"]}]}`)+`]`)}
	},
	"NetworkPolicy: peers": func(size int) []string {
		return []string{hostileService, hostileDeployment(``), hostile("networking.k8s.io/v1", "NetworkPolicy", ``, `"spec":{"podSelector":{},"ingress":[{"from":[`+
			upTo(size, `{"podSelector":{"matchLabels":{"x":"y%d"}}}`)+`]}]}`)}
	},
	"NetworkPolicy: rules, for many ports": func(size int) []string {
		return []string{hostilePorts(size, `{"name":"grpc-%[1]d","port":%[1]d}`), hostileDeployment(``), hostile("networking.k8s.io/v1", "NetworkPolicy", ``, `"spec":{"podSelector":{},"ingress":[`+
			upTo(size, `{"ports":[{"port":%d}],"from":[{"namespaceSelector":{"matchLabels":{"x":"y"}}}]}`)+`]}`)}
	},
	"Ingress: paths, for many ports": func(size int) []string {
		return []string{hostilePorts(size, `{"name":"web-%[1]d","port":%[1]d}`), hostileDeployment(`"ports":[` + upTo(size, `{"name":"grpc-%[1]d","containerPort":%[1]d}`) + `]`), hostile("networking.k8s.io/v1", "Ingress", ``,
			`"spec":{"rules":[{"http":{"paths":[`+upTo(size, `{"path":"/%[1]d","pathType":"Prefix","backend":{"service":{"name":"evil","port":{"name":"web-%[1]d"}}}}`)+`]}}]}`)}
	},
	"ResourceQuota: resources": func(size int) []string {
		return []string{hostileService, hostileDeployment(``), hostile("v1", "ResourceQuota", ``, `"spec":{"hard":{`+upTo(size, `"r%d":"1"`)+`}}`)}
	},
	"Gateway: servers": func(size int) []string {
		return []string{hostileGateway(upTo(size, `{"port":{"number":%[1]d,"name":"p%[1]d","protocol":"GRPC"},"hosts":["h%[1]d.example.com"]}`))}
	},
	"Gateway: servers of one port": func(size int) []string {
		return []string{hostileGateway(upTo(size, `{"port":{"number":8000,"name":"p%[1]d","protocol":"GRPC"},"hosts":["h%[1]d.example.com"]}`))}
	},
	"Gateway: TLS servers of one port": func(size int) []string {
		return []string{hostileGateway(upTo(size, `{"port":{"number":443,"name":"p%[1]d","protocol":"HTTPS"},"hosts":["*"],"tls":{"mode":"SIMPLE","credentialName":"c%[1]d"}}`))}
	},
	"Gateway: servers with redirect": func(size int) []string {
		return []string{hostileGateway(upTo(size, `{"port":{"number":80,"name":"p%[1]d","protocol":"HTTP"},"hosts":["h%[1]d.example.com"],"tls":{"httpsRedirect":true}}`))}
	},
	"Gateway: servers of different protocols": func(size int) []string {
		return []string{hostileGateway(upTo(size, `{"port":{"number":8000,"name":"p%[1]d","protocol":"TCP"},"hosts":["*"]},{"port":{"number":8000,"name":"h%[1]d","protocol":"HTTP"},"hosts":["*"]}`))}
	},
	"Gateway: hosts, for a VirtualService of many": func(size int) []string {
		return []string{
			hostileService, hostileGateway(`{"port":{"number":8000,"name":"p","protocol":"GRPC"},"hosts":[` + upTo(size, `"h%d.example.com"`) + `]}`),
			hostileVirtualService(`"gateways":["evil"],"hosts":[` + upTo(size, `"h%d.example.com"`) + `],"http":[{"route":[{"destination":{"host":"evil"}}]}]`),
		}
	},
	"Gateway: hosts, for a VirtualService of others": func(size int) []string {
		return []string{
			hostileService, hostileGateway(`{"port":{"number":8000,"name":"p","protocol":"GRPC"},"hosts":[` + upTo(size, `"*.h%d.example.com"`) + `]}`),
			hostileVirtualService(`"gateways":["evil"],"hosts":[` + upTo(size, `"*.i%d.example.com"`) + `],"http":[{"route":[{"destination":{"host":"evil"}}]}]`),
		}
	},
	"Gateway: servers of wildcards, for a VirtualService of wildcards": func(size int) []string {
		return []string{
			hostileService, hostileGateway(upTo(size, `{"port":{"number":8000,"name":"p%[1]d","protocol":"GRPC"},"hosts":["*.h%[1]d.example.com"]}`)),
			hostileVirtualService(`"gateways":["evil"],"hosts":[` + upTo(size, `"*.h%d.example.com"`) + `],"http":[` + upTo(size, `{"match":[{"uri":{"prefix":"/p%d/"}}],"route":[{"destination":{"host":"evil"}}]}`) + `]`),
		}
	},
	"Gateway: servers on every host, for a VirtualService of many": func(size int) []string {
		return []string{
			hostileService, hostileGateway(upTo(size, `{"port":{"number":%[1]d,"name":"p%[1]d","protocol":"GRPC"},"hosts":["*"]}`)),
			hostileVirtualService(`"gateways":["evil"],"hosts":[` + upTo(size/2, `"h%d.example.com"`) + `],"http":[` + upTo(size/2, `{"match":[{"uri":{"prefix":"/p%d/"}}],"route":[{"destination":{"host":"evil"}}]}`) + `]`),
		}
	},
	"VirtualService: rules by prefix": func(size int) []string {
		return []string{hostileService, hostileRules(upTo(size, `{"match":[{"uri":{"prefix":"/p%d/"}}],"route":[{"destination":{"host":"evil"}}]}`))}
	},
	"VirtualService: rules by expression": func(size int) []string {
		return []string{hostileService, hostileRules(upTo(size, `{"match":[{"uri":{"regex":"/p%d[.].*/.*"}}],"route":[{"destination":{"host":"evil"}}]}`))}
	},
	"VirtualService: rules by header": func(size int) []string {
		return []string{hostileService, hostileRules(upTo(size, `{"match":[{"headers":{"x":{"exact":"v%d"}}}],"route":[{"destination":{"host":"evil"}}]}`))}
	},
	"VirtualService: rules without a match": func(size int) []string {
		return []string{hostileService, hostileRules(upTo(size, `{"name":"r%d","route":[{"destination":{"host":"evil"}}]}`))}
	},
	"VirtualService: rules by method and header": func(size int) []string {
		return []string{hostileService, hostileRules(upTo(size, `{"match":[{"method":{"exact":"POST"},"headers":{"x%[1]d":{"prefix":"v%[1]d"}},"ignoreUriCase":true,"uri":{"exact":"/p.S/M%[1]d"}}],"route":[{"destination":{"host":"evil"}}]}`))}
	},
	"VirtualService: matches of a rule": func(size int) []string {
		return []string{hostileService, hostileRules(`{"match":[` + upTo(size, `{"uri":{"prefix":"/p%d/"}}`) + `],"route":[{"destination":{"host":"evil"}}]}`)}
	},
	"VirtualService: two rules of the same matches": func(size int) []string {
		return []string{hostileService, hostileRules(`{"match":[` + upTo(size/2, `{"uri":{"prefix":"/p%d/"}}`) + `],"route":[{"destination":{"host":"evil"}}]},{"match":[` + upTo(size/2, `{"uri":{"regex":"/p%d/.*"}}`) + `],"route":[{"destination":{"host":"evil"}}]}`)}
	},
	"VirtualService: headers of a match": func(size int) []string {
		return []string{hostileService, hostileRules(`{"match":[{"headers":{` + upTo(size/2, `"x%d":{"exact":"v"}`) + `}}],"route":[{"destination":{"host":"evil"}}]},{"match":[{"headers":{` + upTo(size/2, `"x%d":{"exact":"v"}`) + `}}],"route":[{"destination":{"host":"evil"}}]}`)}
	},
	"VirtualService: one long expression": func(size int) []string {
		return []string{hostileService, hostileRules(`{"match":[{"uri":{"regex":"` + strings.Repeat("(a|b)*", size/6) + `"}}],"route":[{"destination":{"host":"evil"}}]},{"match":[{"uri":{"prefix":"/` + strings.Repeat("a", 1000) + `"}}],"route":[{"destination":{"host":"evil"}}]}`)}
	},
	"VirtualService: expressions that repeat": func(size int) []string {
		return []string{hostileService, hostileRules(upTo(size, `{"match":[{"uri":{"regex":"/p%d((a{30}){30})*"}}],"route":[{"destination":{"host":"evil"}}]}`))}
	},
	"VirtualService: gateways": func(size int) []string {
		return []string{hostileService, hostileVirtualService(`"gateways":[` + upTo(size, `"ns/g%d"`) + `],"hosts":["evil.example.com"],"http":[{"route":[{"destination":{"host":"evil"}}]}]`)}
	},
	"VirtualService: the same gateway": func(size int) []string {
		return []string{hostileService, hostileVirtualService(`"gateways":[` + upTo(size/2, `"istio-system/public"`) + `],"hosts":[` + upTo(size/2, `"h%d.example.com"`) + `],"http":[{"route":[{"destination":{"host":"evil"}}]}]`)}
	},
	"VirtualService: hosts and rules": func(size int) []string {
		return []string{hostileService, hostileVirtualService(`"gateways":["istio-system/public"],"hosts":[` + upTo(size/2, `"h%d.example.com"`) + `],"http":[` + upTo(size/2, `{"match":[{"uri":{"prefix":"/p%d/"}}],"route":[{"destination":{"host":"evil"}}]}`) + `]`)}
	},
	"VirtualService: hosts of the mesh and rules": func(size int) []string {
		return []string{hostileService, hostileVirtualService(`"hosts":["*",` + upTo(size/2, `"app-%d.ns-1.svc.cluster.local"`) + `],"http":[` + upTo(size/2, `{"match":[{"uri":{"prefix":"/p%d/"}}],"route":[{"destination":{"host":"app-1.ns-1.svc.cluster.local"}}]}`) + `]`)}
	},
	"VirtualService: destinations of a rule": func(size int) []string {
		return []string{hostileService, hostileRules(`{"route":[` + upTo(size, `{"destination":{"host":"evil","subset":"v%d"},"weight":1}`) + `]}`)}
	},
	"VirtualService: destinations that do not exist": func(size int) []string {
		return []string{hostileService, hostileRules(upTo(size, `{"match":[{"uri":{"prefix":"/p%[1]d/"}}],"route":[{"destination":{"host":"nobody-%[1]d"}}]}`))}
	},
	"VirtualService: ports that do not exist": func(size int) []string {
		return []string{hostileService, hostileRules(upTo(size, `{"match":[{"uri":{"prefix":"/p%[1]d/"}}],"route":[{"destination":{"host":"evil","port":{"number":%[1]d}}}],"timeout":"5s","retries":{"attempts":3,"retryOn":"5xx"}}`))}
	},
	"VirtualService: rules to a Service of many ports": func(size int) []string {
		return []string{
			hostilePorts(size, `{"name":"http-%[1]d","port":%[1]d}`), hostileDeployment(`"ports":[` + upTo(size, `{"name":"grpc-%[1]d","containerPort":%[1]d}`) + `]`),
			hostileRules(upTo(size, `{"match":[{"uri":{"prefix":"/p%[1]d/"}}],"timeout":"5s","route":[{"destination":{"host":"evil","port":{"number":%[1]d}}}]}`)),
		}
	},
	"VirtualService: rules to the Services of others": func(size int) []string {
		return []string{hostileRules(upTo(size, `{"match":[{"uri":{"prefix":"/p.S%[1]d/"}}],"route":[{"destination":{"host":"app-%[1]d.ns-1.svc.cluster.local","port":{"number":8000}}}]}`))}
	},
	"VirtualService: exportTo": func(size int) []string {
		return []string{hostileService, hostileVirtualService(`"gateways":["istio-system/public"],"hosts":["evil.example.com"],"exportTo":[` + upTo(size/2, `"n%d"`) + `],"http":[` + upTo(size/2, `{"route":[{"destination":{"host":"evil"}}],"name":"r%d"}`) + `]`)}
	},
	"VirtualService: delegates": func(size int) []string {
		return []string{
			hostileService, hostileRules(upTo(size, `{"match":[{"uri":{"prefix":"/p%d/"}}],"delegate":{"name":"leaf"}}`)),
			fmt.Sprintf(`{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"leaf","namespace":"evil"},"spec":{"http":[%s]}}`, upTo(size, `{"match":[{"uri":{"prefix":"/p%d/"}}],"route":[{"destination":{"host":"evil"}}]}`)),
		}
	},
	"VirtualService: rules of TCP and TLS": func(size int) []string {
		return []string{hostileService, hostileVirtualService(`"gateways":["istio-system/public"],"hosts":["app.example.com"],"tcp":[` + upTo(size/2, `{"match":[{"port":%d}],"route":[{"destination":{"host":"evil"}}]}`) +
			`],"tls":[` + upTo(size/2, `{"match":[{"port":443,"sniHosts":["h%d.example.com"]}],"route":[{"destination":{"host":"evil"}}]}`) + `]`)}
	},
	"VirtualService: actions": func(size int) []string {
		return []string{hostileService, hostileRules(upTo(size, `{"match":[{"uri":{"prefix":"/p%[1]d/"}}],"rewrite":{"uri":"/x"},"fault":{"abort":{"httpStatus":500}},"route":[{"destination":{"host":"evil"}}]}`))}
	},
	"VirtualService: redirects": func(size int) []string {
		return []string{hostileService, hostileRules(upTo(size, `{"match":[{"uri":{"prefix":"/p%[1]d/"}}],"redirect":{"uri":"/x"}}`))}
	},
	"DestinationRule: subsets": func(size int) []string {
		return []string{hostileService, hostileDeployment(``), hostileDestinationRule(`"host":"evil","subsets":[` + upTo(size, `{"name":"v%[1]d","labels":{"version":"v%[1]d"}}`) + `]`)}
	},
	"DestinationRule: subsets with policies": func(size int) []string {
		return []string{hostileService, hostileDeployment(``), hostileDestinationRule(`"host":"evil","subsets":[` + upTo(size, `{"name":"v%[1]d","labels":{"version":"v%[1]d"},"trafficPolicy":{"tls":{"mode":"SIMPLE"},"connectionPool":{"http":{"http1MaxPendingRequests":1,"maxRequestsPerConnection":1}}}}`) + `]`)}
	},
	"DestinationRule: subsets that are routed to": func(size int) []string {
		return []string{
			hostileService, hostileDeployment(``), hostileDestinationRule(`"host":"evil","subsets":[` + upTo(size, `{"name":"v%[1]d","labels":{"version":"v%[1]d"}}`) + `]`),
			hostileRules(upTo(size, `{"match":[{"uri":{"prefix":"/p%[1]d/"}}],"route":[{"destination":{"host":"evil","subset":"v%[1]d"}}]}`)),
		}
	},
	"DestinationRule: port settings of a Service of many ports": func(size int) []string {
		return []string{
			hostilePorts(size, `{"name":"grpc-%[1]d","port":%[1]d}`), hostileDeployment(``),
			hostileDestinationRule(`"host":"evil","trafficPolicy":{"portLevelSettings":[` + upTo(size, `{"port":{"number":%[1]d},"tls":{"mode":"SIMPLE"},"connectionPool":{"http":{"maxRequestsPerConnection":1}}}`) + `]}`),
		}
	},
	"DestinationRule: subsets that balance by source": func(size int) []string {
		return []string{
			hostileService, hostileDeployment(``), hostileDestinationRule(`"host":"evil","subsets":[` + upTo(size, `{"name":"v%[1]d","labels":{"app":"evil"},"trafficPolicy":{"loadBalancer":{"consistentHash":{"useSourceIp":true}}}}`) + `]`),
			hostileRules(upTo(size, `{"match":[{"uri":{"prefix":"/p%[1]d/"}}],"route":[{"destination":{"host":"evil","subset":"v%[1]d"}}]}`)),
		}
	},
	"DestinationRule: for everybody": func(size int) []string {
		return []string{hostileDestinationRule(`"host":"*.svc.cluster.local","exportTo":["*"],"subsets":[` + upTo(size, `{"name":"v%[1]d","labels":{"version":"v%[1]d"},"trafficPolicy":{"tls":{"mode":"DISABLE"}}}`) + `]`)}
	},
	"DestinationRule: exportTo": func(size int) []string {
		return []string{hostileDestinationRule(`"host":"app-1.ns-1.svc.cluster.local","exportTo":[` + upTo(size, `"n%d"`) + `]`)}
	},
	"ServiceEntry: hosts": func(size int) []string {
		return []string{hostileServiceEntry(`"hosts":[` + upTo(size, `"app-%d.ns-1.svc.cluster.local"`) + `],"ports":[{"number":8000,"name":"grpc","protocol":"GRPC"}],"resolution":"DNS"`)}
	},
	"ServiceEntry: ports": func(size int) []string {
		return []string{hostileServiceEntry(`"hosts":[` + upTo(size/2, `"app-%d.ns-1.svc.cluster.local"`) + `],"ports":[` + upTo(size/2, `{"number":%[1]d,"name":"grpc-%[1]d","protocol":"GRPC"}`) + `],"resolution":"DNS"`)}
	},
	"ServiceEntry: endpoints": func(size int) []string {
		return []string{hostileServiceEntry(`"hosts":["evil.example.com"],"ports":[{"number":8000,"name":"grpc","protocol":"GRPC"}],"resolution":"STATIC","endpoints":[` + upTo(size, `{"address":"10.0.0.1","ports":{"grpc":%d}}`) + `]`)}
	},
	"ServiceEntry: that is routed to": func(size int) []string {
		return []string{
			hostileServiceEntry(`"hosts":[` + upTo(size/2, `"h%d.example.com"`) + `],"ports":[` + upTo(size/2, `{"number":%[1]d,"name":"tcp-%[1]d","protocol":"TCP"}`) + `],"resolution":"DNS"`),
			hostileRules(upTo(size, `{"match":[{"uri":{"prefix":"/p%[1]d/"}}],"route":[{"destination":{"host":"h%[1]d.example.com","port":{"number":%[1]d}}}]}`)),
		}
	},
	"Sidecar: egress hosts": func(size int) []string {
		return []string{hostileService, hostileDeployment(`"env":[` + upTo(size, `{"name":"E%[1]d","value":"app-%[1]d.ns-1:8000"}`) + `]`), hostileSidecar(`"egress":[{"hosts":[` + upTo(size, `"ns-1/app-%d.ns-1.svc.cluster.local"`) + `]}]`)}
	},
	"Sidecar: egress listeners": func(size int) []string {
		return []string{hostileService, hostileDeployment(`"env":[` + upTo(size, `{"name":"E%[1]d","value":"app-%[1]d.ns-1:8000"}`) + `]`), hostileSidecar(`"egress":[` + upTo(size, `{"port":{"number":%[1]d,"name":"grpc","protocol":"GRPC"},"hosts":["./*"]}`) + `]`)}
	},
	"Sidecar: ingress of a Service of many ports": func(size int) []string {
		return []string{hostilePorts(size, `{"name":"grpc-%[1]d","port":%[1]d}`), hostileDeployment(``), hostileSidecar(`"workloadSelector":{"labels":{"app":"evil"}},"ingress":[` +
			upTo(size, `{"port":{"number":%[1]d,"name":"tcp-%[1]d","protocol":"TCP"},"defaultEndpoint":"127.0.0.1:%[1]d"}`) + `]`)}
	},
	"WorkloadEntry: ports": func(size int) []string {
		return []string{hostileService, hostile("networking.istio.io/v1", "WorkloadEntry", ``, `"spec":{"address":"10.0.0.1","ports":{`+upTo(size/2, `"p%[1]d":%[1]d`)+`},"labels":{"app":"evil",`+upTo(size/2, `"l%d":"v"`)+`}}`)}
	},
	"EnvoyFilter: patches": func(size int) []string {
		return []string{hostileService, hostileDeployment(``), hostile("networking.istio.io/v1alpha3", "EnvoyFilter", ``, `"spec":{"configPatches":[`+upTo(size, `{"applyTo":"HTTP_FILTER","match":{"context":"SIDECAR_INBOUND"},`+
			`"patch":{"operation":"INSERT_BEFORE","value":{"name":"f%d","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer"}}}}`)+`]}`)}
	},
	"EnvoyFilter: deep": func(size int) []string {
		depth := min(size/12, 9000)
		return []string{hostileService, hostileDeployment(``), hostile("networking.istio.io/v1alpha3", "EnvoyFilter", ``, `"spec":{"configPatches":[{"applyTo":"HTTP_FILTER","patch":{"operation":"MERGE","value":`+
			strings.Repeat(`{"a":`, depth)+`1`+strings.Repeat(`}`, depth)+`}}]}`)}
	},
	"EnvoyFilter: timeouts": func(size int) []string {
		return []string{hostileService, hostileDeployment(``), hostile("networking.istio.io/v1alpha3", "EnvoyFilter", ``, `"spec":{"configPatches":[`+upTo(size, `{"applyTo":"NETWORK_FILTER","match":{"context":"ANY","listener":{"portNumber":%d}},`+
			`"patch":{"operation":"MERGE","value":{"typed_config":{"stream_idle_timeout":"5s"}}}},{"applyTo":"CLUSTER","patch":{"operation":"MERGE","value":{"http2_protocol_options":{}}}}`)+`]}`)}
	},
	"PeerAuthentication: ports, for a Service of many": func(size int) []string {
		return []string{hostilePorts(size, `{"name":"grpc-%[1]d","port":%[1]d}`), hostileDeployment(``), hostile("security.istio.io/v1", "PeerAuthentication", ``,
			`"spec":{"selector":{"matchLabels":{"app":"evil"}},"portLevelMtls":{`+upTo(size, `"%d":{"mode":"STRICT"}`)+`}}`)}
	},
	"AuthorizationPolicy: rules, for a Service of many ports": func(size int) []string {
		return []string{hostilePorts(size, `{"name":"grpc-%[1]d","port":%[1]d}`), hostileDeployment(``), hostileRules(`{"route":[{"destination":{"host":"evil"}}]}`), hostilePolicy(
			`"rules":[` + upTo(size, `{"from":[{"source":{"namespaces":["n%[1]d"]}}],"to":[{"operation":{"ports":["%[1]d"],"methods":["GET"],"paths":["/p%[1]d/*"]}}]}`) + `]`)}
	},
	"AuthorizationPolicy: denials, for a Service of many ports": func(size int) []string {
		return []string{hostilePorts(size, `{"name":"grpc-%[1]d","port":%[1]d}`), hostileDeployment(``), hostilePolicy(
			`"action":"DENY","rules":[` + upTo(size, `{"from":[{"source":{"notPrincipals":["n%[1]d"]}}],"to":[{"operation":{"ports":["%[1]d"],"methods":["POST"]}}]}`) + `]`)}
	},
	"AuthorizationPolicy: sources and operations": func(size int) []string {
		return []string{hostileService, hostileDeployment(``), hostilePolicy(`"rules":[{"from":[` + upTo(size/3, `{"source":{"principals":["cluster.local/ns/n%d/sa/x"]}}`) +
			`],"to":[` + upTo(size/3, `{"operation":{"methods":["M%[1]d"],"paths":["/p%[1]d"],"ports":["%[1]d"]}}`) + `],"when":[` + upTo(size/3, `{"key":"request.headers[x%d]","values":["y"]}`) + `]}]`)}
	},
	"AuthorizationPolicy: values of an operation": func(size int) []string {
		return []string{hostileService, hostileDeployment(``), hostilePolicy(`"rules":[{"to":[{"operation":{"methods":["POST",` + upTo(size/3, `"M%d"`) + `],"paths":[` + upTo(size/3, `"/p%d/*"`) + `],"ports":[` + upTo(size/3, `"%d"`) + `]}}]}]`)}
	},
	"AuthorizationPolicy: targetRefs": func(size int) []string {
		return []string{hostileService, hostileDeployment(``), hostilePolicy(`"targetRefs":[` + upTo(size, `{"kind":"Service","group":"","name":"s%d"}`) + `],"rules":[{}]`)}
	},
	"Gateway API Gateway: listeners": func(size int) []string {
		return []string{hostileListeners(upTo(size, `{"name":"l%[1]d","port":80,"protocol":"HTTP","hostname":"h%[1]d.example.com"}`))}
	},
	"Gateway API Gateway: TLS listeners": func(size int) []string {
		return []string{hostileListeners(upTo(size, `{"name":"l%[1]d","port":%[1]d,"protocol":"HTTPS","tls":{"certificateRefs":[{"name":"c%[1]d","namespace":"ns-1"}]}}`))}
	},
	"GRPCRoute: parents": func(size int) []string {
		return []string{hostileService, hostileListeners(upTo(size, `{"name":"l%[1]d","port":%[1]d,"protocol":"HTTP"}`)), hostileAPIRoute("GRPCRoute", `"parentRefs":[`+upTo(size, `{"name":"evil","sectionName":"l%d"}`)+`],"rules":[{"backendRefs":[{"name":"evil","port":8000}]}]`)}
	},
	"GRPCRoute: hostnames": func(size int) []string {
		return []string{hostileService, hostileListeners(upTo(size, `{"name":"l%[1]d","port":80,"protocol":"HTTP","hostname":"h%[1]d.example.com"}`)), hostileAPIRoute("GRPCRoute", `"parentRefs":[{"name":"evil"}],"hostnames":[`+upTo(size, `"h%d.example.com"`)+`],"rules":[{"backendRefs":[{"name":"evil","port":8000}]}]`)}
	},
	"GRPCRoute: rules": func(size int) []string {
		return []string{hostileService, hostileListeners(`{"name":"l","port":80,"protocol":"HTTP"}`), hostileAPIRoute("GRPCRoute", `"parentRefs":[{"name":"evil"}],"rules":[`+upTo(size, `{"matches":[{"method":{"service":"p.S%d"}}],"backendRefs":[{"name":"evil","port":8000}]}`)+`]`)}
	},
	"GRPCRoute: backends": func(size int) []string {
		return []string{hostilePorts(size, `{"name":"http-%[1]d","port":%[1]d}`), hostileDeployment(``), hostileListeners(`{"name":"l","port":80,"protocol":"HTTP"}`), hostileAPIRoute("GRPCRoute", `"parentRefs":[{"name":"evil"}],"rules":[{"backendRefs":[`+upTo(size, `{"name":"evil","port":%d}`)+`]}]`)}
	},
	"GRPCRoute: backends of other namespaces": func(size int) []string {
		return []string{
			hostileListeners(`{"name":"l","port":80,"protocol":"HTTP"}`), hostileAPIRoute("GRPCRoute", `"parentRefs":[{"name":"evil"}],"rules":[{"backendRefs":[`+upTo(size, `{"name":"app-%d","namespace":"ns-1","port":8000}`)+`]}]`),
			`{"apiVersion":"gateway.networking.k8s.io/v1beta1","kind":"ReferenceGrant","metadata":{"name":"evil","namespace":"ns-1"},"spec":{"from":[` + upTo(size/2, `{"group":"gateway.networking.k8s.io","kind":"GRPCRoute","namespace":"n%d"}`) + `],"to":[` + upTo(size/2, `{"group":"","kind":"Service","name":"s%d"}`) + `]}}`,
		}
	},
	"HTTPRoute: rules": func(size int) []string {
		return []string{hostileService, hostileListeners(`{"name":"l","port":80,"protocol":"HTTP"}`), hostileAPIRoute("HTTPRoute", `"parentRefs":[{"name":"evil"}],"rules":[`+upTo(size, `{"matches":[{"path":{"type":"PathPrefix","value":"/p%d"}}],"filters":[{"type":"RequestRedirect","requestRedirect":{"scheme":"https"}}],"backendRefs":[{"name":"evil","port":8000}]}`)+`]`)}
	},
	"HTTPRoute: rules to many ports": func(size int) []string {
		return []string{hostilePorts(size, `{"name":"tcp-%[1]d","port":%[1]d}`), hostileDeployment(``), hostileListeners(upTo(size, `{"name":"l%[1]d","port":%[1]d,"protocol":"HTTP"}`)), hostileAPIRoute("HTTPRoute", `"parentRefs":[{"name":"evil"}],"rules":[`+upTo(size, `{"matches":[{"path":{"type":"PathPrefix","value":"/p%[1]d"}}],"timeouts":{"request":"5s"},"backendRefs":[{"name":"evil","port":%[1]d}]}`)+`]`)}
	},
	"HTTPRoute: status": func(size int) []string {
		return []string{hostileService, hostileListeners(`{"name":"l","port":80,"protocol":"HTTP"}`), hostile("gateway.networking.k8s.io/v1", "HTTPRoute", ``, `"spec":{"parentRefs":[`+upTo(size/2, `{"name":"g%d"}`)+`],"rules":[{"backendRefs":[{"name":"evil","port":8000}]}]},"status":{"parents":[`+
			upTo(size/2, `{"parentRef":{"name":"g%d"},"controllerName":"istio.io/gateway-controller","conditions":[{"type":"Accepted","status":"False","reason":"X","message":"y"}]}`)+`]}`)}
	},
	"ServiceMonitor: endpoints, for a Service of many ports": func(size int) []string {
		return []string{
			hostilePorts(size, `{"name":"web-%[1]d","port":%[1]d}`), hostileDeployment(`"ports":[` + upTo(size, `{"name":"grpc-%[1]d","containerPort":%[1]d}`) + `]`),
			hostile("monitoring.coreos.com/v1", "ServiceMonitor", ``, `"spec":{"selector":{},"endpoints":[`+upTo(size, `{"port":"web-%[1]d"}`)+`]}`),
		}
	},
	"PodMonitor: endpoints": func(size int) []string {
		return []string{hostileService, hostileDeployment(``), hostile("monitoring.coreos.com/v1", "PodMonitor", ``, `"spec":{"selector":{},"podMetricsEndpoints":[`+upTo(size, `{"port":"web-%[1]d"}`)+`]}`)}
	},
}

const (
	hostileService = `{"apiVersion":"v1","kind":"Service","metadata":{"name":"evil","namespace":"evil"},"spec":{"selector":{"app":"evil"},"ports":[{"name":"grpc","port":8000,"targetPort":50051}]}}`
	hostilePodSpec = `"spec":{"containers":[{"name":"app"}]}`
	proxied        = `"annotations":{"sidecar.istio.io/status":"{\"containers\":[\"istio-proxy\"],\"revision\":\"default\"}"}`
)

// hostile is an object named evil in namespace evil; metadata and rest are further fields.
func hostile(apiVersion, kind, metadata, rest string) string {
	fields := []string{fmt.Sprintf(`"apiVersion":%q,"kind":%q`, apiVersion, kind)}
	identity := `"name":"evil"`
	if kind != "Namespace" && kind != "MutatingWebhookConfiguration" {
		identity += `,"namespace":"evil"`
	}
	if metadata != "" {
		identity += "," + metadata
	}
	fields = append(fields, `"metadata":{`+identity+`}`)
	if rest != "" {
		fields = append(fields, rest)
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// upTo is as many elements of a list as have that many bytes together. Numbers go up to those of ports and begin again.
func upTo(size int, format string) string {
	const most = 65535
	var b strings.Builder
	for i := 1; b.Len() < size; i++ {
		if i > 1 {
			b.WriteByte(',')
		}
		if strings.Contains(format, "%") {
			fmt.Fprintf(&b, format, i%most)
		} else {
			b.WriteString(format)
		}
	}
	return b.String()
}

func hostileWorkloadSpec(container string) string {
	if container != "" {
		container = "," + container
	}
	return `"spec":{"selector":{"matchLabels":{"app":"evil"}},"template":{"metadata":{"labels":{"app":"evil"}},"spec":{"containers":[{"name":"app"` + container + `}]}}}`
}

func hostileDeployment(container string) string {
	return hostile("apps/v1", "Deployment", ``, hostileWorkloadSpec(container))
}

func hostileAnnotated(annotation string, size int, format string) string {
	return hostile("apps/v1", "Deployment", ``, `"spec":{"selector":{"matchLabels":{"app":"evil"}},"template":{"metadata":{"labels":{"app":"evil"},"annotations":{"`+annotation+`":"`+
		upTo(size, format)+`"}},"spec":{"containers":[{"name":"app"}]}}}`)
}

func hostilePorts(size int, format string) string {
	return hostile("v1", "Service", ``, `"spec":{"selector":{"app":"evil"},"ports":[`+upTo(size, format)+`]}`)
}

func hostileGateway(servers string) string {
	return hostile("networking.istio.io/v1", "Gateway", ``, `"spec":{"selector":{"istio":"ingressgateway"},"servers":[`+servers+`]}`)
}

func hostileVirtualService(spec string) string {
	return hostile("networking.istio.io/v1", "VirtualService", ``, `"spec":{`+spec+`}`)
}

// hostileRules are on the host that other VirtualServices have too.
func hostileRules(rules string) string {
	return hostileVirtualService(`"gateways":["istio-system/public"],"hosts":["app.example.com"],"http":[` + rules + `]`)
}

func hostileDestinationRule(spec string) string {
	return hostile("networking.istio.io/v1", "DestinationRule", ``, `"spec":{`+spec+`}`)
}

func hostileServiceEntry(spec string) string {
	return hostile("networking.istio.io/v1", "ServiceEntry", ``, `"spec":{`+spec+`}`)
}

func hostileSidecar(spec string) string {
	return hostile("networking.istio.io/v1", "Sidecar", ``, `"spec":{`+spec+`}`)
}

func hostilePolicy(spec string) string {
	return hostile("security.istio.io/v1", "AuthorizationPolicy", ``, `"spec":{`+spec+`}`)
}

func hostileListeners(listeners string) string {
	return hostile("gateway.networking.k8s.io/v1", "Gateway", ``, `"spec":{"gatewayClassName":"istio","listeners":[`+listeners+`]}`)
}

func hostileAPIRoute(kind, spec string) string {
	return hostile("gateway.networking.k8s.io/v1", kind, ``, `"spec":{`+spec+`}`)
}
