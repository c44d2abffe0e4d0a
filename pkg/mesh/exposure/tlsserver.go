package exposure

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// TLSServer says, as a clause, why the server behind a Service port is taken to end TLS itself; empty where nothing shows it: the port
// of the Service or of the pods is named for TLS, or a probe calls it by HTTPS.
func TLSServer(s *mesh.Snapshot, service *core.Service, port *core.ServicePort) string {
	for _, template := range workload.TemplatesBehind(s, service) {
		number, container, ok := workload.TargetPort(port, template)
		if !ok {
			continue
		}
		if container != nil && namesTLS(nameOfPort(container, number)) {
			return fmt.Sprintf("port %d of container %s is named %s", number, container.Name, nameOfPort(container, number))
		}
		for _, container := range workload.ServingContainers(&template.Spec) {
			for _, probe := range probesOf(container) {
				get := probe.probe.HTTPGet
				name := nameOfPort(container, number)
				if get != nil && get.Scheme == core.URISchemeHTTPS && (get.Port.IntVal == number || name != "" && get.Port.StrVal == name) {
					return fmt.Sprintf("the %s probe of container %s calls port %d by HTTPS", probe.kind, container.Name, number)
				}
			}
		}
	}
	if namesTLS(port.Name) {
		return "the Service port is named " + port.Name
	}
	return ""
}

// namesTLS reports whether a port's name is that of a server that ends TLS: https, tls-api, grpc-tls.
func namesTLS(name string) bool {
	name = strings.ToLower(name)
	tokens := strings.Split(name, "-")
	return strings.HasPrefix(name, "tls") || slices.Contains(tokens, "https") || slices.Contains(tokens, "tls")
}
