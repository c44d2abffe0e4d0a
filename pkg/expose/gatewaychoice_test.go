package expose_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// proxies is a Deployment of gateway proxies with a Service in front.
const proxies = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: NAMESPACE}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  template:
    metadata: {labels: {istio: ingressgateway}}
    spec: {containers: [{name: istio-proxy, image: example.com/proxy, args: [proxy, router]}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: NAMESPACE}
spec: {type: LoadBalancer, externalIPs: [198.51.100.7], selector: {istio: ingressgateway}, ports: [{name: grpc, port: 8000}]}
`

const exposedServer = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: server, namespace: test}
spec:
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec: {containers: [{name: server, image: example.com/server}]}
---
apiVersion: v1
kind: Service
metadata: {name: server, namespace: test}
spec: {selector: {app: server}, ports: [{name: grpc, port: 8000, targetPort: 50051}]}
`

const gatewayIn = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: NAMESPACE}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: ["*"]}]
`

const routeIn = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: NAMESPACE}
spec:
  hosts: [HOST]
  gateways: [GATEWAY/public]
  http: [{route: [{destination: {host: server.test.svc.cluster.local, port: {number: 8000}}}]}]
`

func in(text, namespace string, more ...string) string {
	return strings.NewReplacer(append([]string{"NAMESPACE", namespace}, more...)...).Replace(text)
}

// TestChooseEntrance holds which of several gateways calls are meant for, and that a stranger's never becomes it in silence.
func TestChooseEntrance(t *testing.T) {
	platform, tenant, beside := in(proxies, "istio-system", "NAME", "gw"), in(proxies, "evil", "NAME", "aaa"), in(proxies, "test", "NAME", "own")
	edge := in(proxies, "zone", "NAME", "edge")
	gateway, route := in(gatewayIn, "test"), in(routeIn, "test", "HOST", `"*"`, "GATEWAY", "test")
	foreign := in(gatewayIn, "evil") + "---" + in(routeIn, "evil", "HOST", "evil.example.com", "GATEWAY", "evil")
	tests := map[string]struct {
		objects []string
		named   string
		// chosen is the gateway's name and the route's namespace; empty for none.
		chosen  string
		trusted bool
		choices []string
	}{
		"nowhere":                    {nil, "", "", false, nil},
		"the only one":               {[]string{platform, gateway, route}, "", "istio-system/gw test", true, nil},
		"the mesh's before others":   {[]string{platform, tenant, gateway, route}, "", "istio-system/gw test", true, nil},
		"the Gateway's own, first":   {[]string{platform, tenant, beside, gateway, route}, "", "test/own test", true, nil},
		"strangers":                  {[]string{tenant, edge, gateway, route}, "", "", false, []string{"--gateway-workload evil/aaa   Deployment evil/aaa", "--gateway-workload zone/edge   Deployment zone/edge"}},
		"strangers, named":           {[]string{tenant, edge, gateway, route}, "zone/edge", "zone/edge test", true, nil},
		"named with its kind":        {[]string{tenant, edge, gateway, route}, "deployment/zone/edge", "zone/edge test", true, nil},
		"the only one, a stranger":   {[]string{tenant, gateway, route}, "", "evil/aaa test", false, nil},
		"named, but not there":       {[]string{platform, tenant, gateway, route}, "istio-system/aaa", "", false, []string{"--gateway-workload evil/aaa   Deployment evil/aaa", "--gateway-workload istio-system/gw   Deployment istio-system/gw"}},
		"named, of another kind":     {[]string{platform, gateway, route}, "daemonset/istio-system/gw", "", false, []string{"--gateway-workload istio-system/gw   Deployment istio-system/gw"}},
		"a stranger's route besides": {[]string{tenant, platform, foreign, gateway, route}, "", "istio-system/gw test", true, nil},
		"a stranger's route alone":   {[]string{tenant, platform, foreign}, "", "evil/aaa evil", false, nil},
		"the mesh's route":           {[]string{tenant, platform, foreign, in(gatewayIn, "istio-system"), in(routeIn, "istio-system", "HOST", `"*"`, "GATEWAY", "istio-system")}, "", "istio-system/gw istio-system", true, nil},
		"two of the mesh's":          {[]string{platform, in(proxies, "istio-system", "NAME", "other"), gateway, route}, "", "", false, []string{"--gateway-workload istio-system/gw   Deployment istio-system/gw", "--gateway-workload istio-system/other   Deployment istio-system/other"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			snapshot := mesh.New(parse(t, exposedServer+"\n---\n"+strings.Join(test.objects, "\n---\n")), mesh.Options{Now: now})
			workload, err := expose.FindWorkload(snapshot, mesh.KindDeployment, "test", "server")
			require.NoError(t, err)
			entrance, err := expose.ChooseEntrance(snapshot, workload, test.named)
			if test.choices != nil {
				var refused *expose.Error
				require.ErrorAs(t, err, &refused)
				assert.Equal(t, test.choices, refused.Choices)
				return
			}
			require.NoError(t, err)
			if test.chosen == "" {
				assert.Nil(t, entrance)
				return
			}
			gateway := entrance.Gateway()
			assert.Equal(t, test.chosen, gateway.Namespace+"/"+gateway.Name()+" "+entrance.Route.VirtualService.Namespace)
			assert.Equal(t, test.trusted, entrance.Trusted)
		})
	}
}

// TestTraceNamesTheGateways holds that status tells proxies with the same labels apart.
func TestTraceNamesTheGateways(t *testing.T) {
	objects := strings.Join([]string{
		exposedServer, in(proxies, "istio-system", "NAME", "gw"), in(proxies, "evil", "NAME", "gw"),
		in(gatewayIn, "test"), in(routeIn, "test", "HOST", `"*"`, "GATEWAY", "test"),
	}, "\n---\n")
	snapshot := mesh.New(parse(t, objects), mesh.Options{Now: now})
	workload, err := expose.FindWorkload(snapshot, mesh.KindDeployment, "test", "server")
	require.NoError(t, err)
	var listeners []string
	for _, root := range callpath.Trace(snapshot, workload) {
		listeners = append(listeners, root.Next[0].Text)
	}
	assert.Equal(t, []string{
		"server on port 8000, GRPC, hosts *, on Deployment evil/gw", "server on port 8000, GRPC, hosts *, on Deployment istio-system/gw",
	}, listeners)
}

// TestLookalikes holds whose state is no matter of the workload's.
func TestLookalikes(t *testing.T) {
	for name, test := range map[string]struct {
		gateway string
		want    []string
	}{
		"beside the mesh's own": {in(proxies, "istio-system", "NAME", "gw"), []string{"Deployment evil/aaa", "Service evil/aaa"}},
		"nothing tells":         {in(proxies, "zone", "NAME", "gw"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			objects := strings.Join([]string{
				exposedServer, test.gateway, in(proxies, "evil", "NAME", "aaa"), in(gatewayIn, "test"), in(routeIn, "test", "HOST", `"*"`, "GATEWAY", "test"),
			}, "\n---\n")
			snapshot := mesh.New(parse(t, objects), mesh.Options{Now: now})
			workload, err := expose.FindWorkload(snapshot, mesh.KindDeployment, "test", "server")
			require.NoError(t, err)
			var found []string
			for key := range expose.Lookalikes(snapshot, workload) {
				found = append(found, key.String())
			}
			assert.ElementsMatch(t, test.want, found)
		})
	}
}
