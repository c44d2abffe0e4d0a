package gateway

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest/onlygateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

func TestListenerPorts(t *testing.T) {
	service := func(name, created, labels, port string) string {
		return `{apiVersion: v1, kind: Service, metadata: {name: ` + name + `, namespace: edge, creationTimestamp: "` + created + `", labels: {` + labels + `}},
  spec: {selector: {istio: ingress}, ports: [` + port + `]}}`
	}
	for name, test := range map[string]struct {
		more   string
		number uint32
		want   int32
		open   bool
	}{
		"Service port":                        {"", 80, 8080, true},
		"named target":                        {"", 8000, 8000, true},
		"number of a target":                  {"", 8443, 8443, true},
		"closed":                              {"", 9000, 9000, false},
		"node port":                           {"", 31380, 31380, false},
		"UDP opens nothing":                   {"", 9443, 9443, false},
		"a Service that is older comes first": {service("a", "2025-01-01T00:00:00Z", "", "{port: 80, targetPort: 8888}"), 80, 8888, true},
		"a Service that is younger does not":  {service("a", "2027-01-01T00:00:00Z", "", "{port: 80, targetPort: 8888}"), 80, 8080, true},
		"without translation": {
			service("a", "2025-01-01T00:00:00Z", disablePortTranslationLabel+`: "true"`, "{port: 80, targetPort: 8888}"), 80, 8080, true,
		},
		"the number of an untranslated target": {
			service("a", "2025-01-01T00:00:00Z", disablePortTranslationLabel+`: "true"`, "{port: 9000, targetPort: 8888}"), 8888, 8888, true,
		},
		"the second port to one target is not looked up": {
			service("a", "2025-01-01T00:00:00Z", "", "{name: http-a, port: 81, targetPort: 8888}, {name: http-b, port: 82, targetPort: 8888}"), 82, 82, false,
		},
		"the second port to one target, of another protocol, is": {
			service("a", "2025-01-01T00:00:00Z", "", "{name: http-a, port: 81, targetPort: 8888}, {name: grpc-b, port: 82, targetPort: 8888}"), 82, 8888, true,
		},
		"named target that no container has": {service("a", "2025-01-01T00:00:00Z", "", "{port: 81, targetPort: web}"), 81, 81, false},
		"Service of another namespace": {
			`{apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop}, spec: {selector: {istio: ingress}, ports: [{port: 9000}]}}`,
			9000, 9000, false,
		},
		"Service without selector": {
			`{apiVersion: v1, kind: Service, metadata: {name: a, namespace: edge}, spec: {ports: [{port: 9000}]}}`, 9000, 9000, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := meshtest.Snapshot(t, meshtest.Documents(meshtest.Ingress, test.more))
			ports, open := ListenerPorts(s, onlygateway.OnlyGateway(t, s), test.number)
			assert.Equal(t, []int32{test.want}, ports)
			assert.Equal(t, test.open, open)
		})
	}
}

func TestListenerPortsThroughTheNode(t *testing.T) {
	for spec, want := range map[string]bool{
		`{hostNetwork: true, containers: [{name: p, args: [proxy, router]}]}`:                                   true,
		`{containers: [{name: p, args: [proxy, router], ports: [{containerPort: 9000, hostPort: 80}]}]}`:        true,
		`{containers: [{name: p, args: [proxy, router], ports: [{containerPort: 9001, hostPort: 80}]}]}`:        false,
		`{containers: [{name: p, args: [proxy, router], ports: [{containerPort: 9000}]}]}`:                      false,
		`{containers: [{name: p, args: [proxy, router]}], initContainers: [{name: i, ports: [{hostPort: 1}]}]}`: false,
	} {
		s := meshtest.Snapshot(t, meshtest.Deployment("gw", `{metadata: {labels: {istio: gw}}, spec: `+spec+`}`))
		_, open := ListenerPorts(s, onlygateway.OnlyGateway(t, s), 9000)
		assert.Equal(t, want, open, spec)
	}
}

func TestOpenPorts(t *testing.T) {
	s := meshtest.Snapshot(t, meshtest.Ingress)
	var got []string
	for _, port := range OpenPorts(s, onlygateway.OnlyGateway(t, s)) {
		got = append(got, fmt.Sprintf("%s %d %d", port.Service.Name, port.Port.Port, port.TargetPort))
	}
	assert.Equal(t, []string{"ingress 80 8080", "ingress 443 8443", "ingress 8000 8000"}, got)
}

func TestMayNotBind(t *testing.T) {
	for spec, want := range map[string]bool{
		`{containers: [{args: [proxy, router]}]}`:                                                                               false,
		`{securityContext: {runAsUser: 1337}, containers: [{args: [proxy, router]}]}`:                                           true,
		`{securityContext: {runAsNonRoot: true}, containers: [{args: [proxy, router]}]}`:                                        true,
		`{securityContext: {runAsUser: 1337}, containers: [{args: [proxy, router], securityContext: {runAsUser: 0}}]}`:          false,
		`{containers: [{args: [proxy, router], securityContext: {runAsUser: 1337}}]}`:                                           true,
		`{containers: [{args: [proxy, router], securityContext: {runAsUser: 1, capabilities: {add: [NET_BIND_SERVICE]}}}]}`:     false,
		`{containers: [{args: [proxy, router], securityContext: {runAsUser: 1, capabilities: {add: [CAP_NET_BIND_SERVICE]}}}]}`: false,
		`{containers: [{args: [proxy, router], securityContext: {runAsUser: 1, capabilities: {add: [NET_ADMIN]}}}]}`:            true,
		`{securityContext: {runAsUser: 1, sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "0"}]},
  containers: [{args: [proxy, router]}]}`: false,
		`{securityContext: {runAsUser: 1, sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "400"}]},
  containers: [{args: [proxy, router]}]}`: false,
		`{securityContext: {runAsUser: 1, sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "500"}]},
  containers: [{args: [proxy, router]}]}`: true,
	} {
		s := meshtest.Snapshot(t, meshtest.Deployment("gw", `{metadata: {labels: {istio: gw}}, spec: `+spec+`}`))
		_, doubt := onlygateway.OnlyGateway(t, s).MayNotBind(443)
		assert.Equal(t, want, doubt, spec)
		_, doubt = onlygateway.OnlyGateway(t, s).MayNotBind(8443)
		assert.False(t, doubt, "ports from 1024 on are for everyone: %s", spec)
	}
}

func TestPortsAreSynced(t *testing.T) {
	gateway := func(revision, annotations, owner string) string {
		return meshtest.Documents(
			meshtest.Deployment("gw", `{metadata: {labels: {istio: gw, istio.io/rev: `+revision+`}}, spec: {containers: [{args: [proxy, router]}]}}`),
			`{apiVersion: v1, kind: Service, metadata: {name: gw, namespace: edge, annotations: {`+annotations+`}, ownerReferences: [`+owner+`]},
  spec: {selector: {istio: gw}, ports: [{port: 80}]}}`)
	}
	const loadBalancer = "service.kubernetes.io/loadbalance-id: lb-1"
	for name, test := range map[string]struct {
		objects string
		want    bool
	}{
		"Istio's own":                 {gateway("default", "", ""), false},
		"Istio's own on TKE":          {gateway("default", loadBalancer, ""), false},
		"Tencent Cloud Mesh":          {gateway("1-18-5", loadBalancer, ""), true},
		"revisions elsewhere":         {gateway("1-18-5", "", ""), false},
		"with the sync off":           {gateway("1-18-5", loadBalancer+", service.cloud.tencent.com/mode: skip", ""), false},
		"made by its gateway control": {gateway("default", "", "{apiVersion: mesh.cloud.tencent.com/v1alpha1, kind: IngressGateway, name: gw, uid: u}"), true},
	} {
		t.Run(name, func(t *testing.T) {
			s := meshtest.Snapshot(t, test.objects)
			why, synced := proxy.PortsAreSynced(onlygateway.OnlyGateway(t, s))
			assert.Equal(t, test.want, synced)
			assert.Equal(t, synced, why != "")
		})
	}
}
