package gateway

import (
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// tlsServer is a server that takes its certificate from Secrets, for the gateway pods of one namespace.
type tlsServer struct {
	gatewayServer
	workload    *proxy.GatewayWorkload
	credentials []gateway.Credential
}

// tlsServers are the servers with credentials, once for each namespace that has gateway pods for them. Servers that an older
// one shuts out are left out: nobody asks for their certificate. So are those of Gateways that nobody asks about, whose Secrets are
// not read.
func tlsServers(p *checks.Pass) []tlsServer {
	var servers []tlsServer
	for _, server := range gatewayServers(p) {
		if !p.Wants(server.gateway) {
			continue
		}
		seen := map[string]bool{}
		for _, on := range onWorkloads(p, server) {
			if seen[on.Workload.Namespace] || on.DroppedBy != nil {
				continue
			}
			seen[on.Workload.Namespace] = true
			if credentials := gateway.Credentials(server.spec, on.Workload.Namespace); len(credentials) > 0 {
				servers = append(servers, tlsServer{server, on.Workload, credentials})
			}
		}
	}
	return servers
}

// secretOf is a credential's Secret with its values; ok is false where it is not there, is not in the namespace of the
// gateway's pods (istiod gives it to no other), or was read without its values.
func secretOf(p *checks.Pass, server tlsServer, credential gateway.Credential) (secret *core.Secret, ok bool) {
	if credential.Namespace != server.workload.Namespace {
		return nil, false
	}
	return readableSecret(p, credential.Namespace, credential.Name)
}

func readableSecret(p *checks.Pass, namespace, name string) (secret *core.Secret, ok bool) {
	secret, ok = p.Secrets().Get(namespace, name)
	if !ok {
		return nil, false
	}
	return checks.SecretWithValues(p, secret)
}
