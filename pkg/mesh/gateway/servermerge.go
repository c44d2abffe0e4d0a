package gateway

import "fmt"

// mergeServers works out which of a workload's servers istiod keeps. The servers stand in istiod's order; an earlier one is older.
func mergeServers(servers []*Server) {
	ports := map[int32]*portMerge{}
	routeNames := map[string]*Server{}
	for _, server := range servers {
		port := ports[server.ListenerPort]
		if port == nil {
			port = &portMerge{hosts: map[string]*Server{}, groups: map[string]bool{}, routeNames: routeNames}
			ports[server.ListenerPort] = port
		}
		port.add(server)
	}
}

// portMerge is what istiod remembers of the servers on one resolved port.
// Source: Istio pilot/pkg/model/gateway.go (mergeGateways).
type portMerge struct {
	// plaintext is the server that the next ones are compared with, nil while there are only TLS servers.
	plaintext *Server
	// groups are the protocols and binds that have a server; the plaintext server of a known one takes no other's place.
	groups map[string]bool
	// hosts are those of servers with tls (redirecting ones too), as written, each with the server that had it last.
	hosts map[string]*Server
	// routeNames are the names of HTTPS servers' route tables, over all ports.
	routeNames map[string]*Server
}

func (p *portMerge) add(server *Server) {
	if server.Spec.GetTls() != nil {
		if older, host := p.duplicate(server); older != nil {
			server.drop(DropHost, older, fmt.Sprintf("the host %s is on port %d already", host, server.ListenerPort))
			return
		}
	}
	switch {
	case p.plaintext != nil && p.plaintext.Bind == server.Bind:
		// Plaintext HTTP protocols share one listener; nothing else can be added to a plaintext server.
		if !ServerIsPlaintextHTTP(server.Spec) || !ServerIsPlaintextHTTP(p.plaintext.Spec) {
			server.drop(DropProtocol, p.plaintext, fmt.Sprintf("%s cannot share port %d with %s",
				server.protocol(), server.ListenerPort, p.plaintext.protocol()))
		}
		server.chain = p.plaintext.chain
		return
	case !server.IsTLS():
		if p.plaintext == nil || !p.groups[server.group()] {
			p.plaintext = server
		}
	case server.IsHTTP():
		name := routeName(server)
		if older := p.routeNames[name]; older != nil && p.plaintext == nil {
			server.drop(DropName, older, "both have the port name "+server.Spec.GetPort().GetName())
			return
		}
		p.routeNames[name] = server
	}
	server.chain = server.group()
	p.groups[server.chain] = true
}

// group is what servers of one listener have in common in istiod's eyes.
func (v *Server) group() string { return v.protocol() + " " + v.Bind }

// duplicate is an older server with tls that has one of the hosts on the same bind; if there is none, the hosts are taken.
// Source: Istio pilot/pkg/model/gateway.go (CheckDuplicates).
func (p *portMerge) duplicate(server *Server) (older *Server, host string) {
	for _, host := range server.Hosts {
		if older := p.hosts[host]; older != nil && older.Bind == server.Bind {
			return older, host
		}
	}
	for _, host := range server.Hosts {
		p.hosts[host] = server
	}
	return nil, ""
}

// routeName tells the route tables of HTTPS servers apart, as gatewayRDSRouteName in Istio's pilot/pkg/model/gateway.go.
func routeName(server *Server) string {
	return fmt.Sprintf("https.%d.%s.%s.%s.%s", server.Spec.GetPort().GetNumber(), server.Spec.GetPort().GetName(),
		server.Gateway.Name, server.Gateway.Namespace, server.Bind)
}

func (v *Server) drop(rule Drop, by *Server, reason string) {
	v.Drop, v.DroppedBy, v.DropReason = rule, by, reason
}

func (v *Server) protocol() string { return v.Spec.GetPort().GetProtocol() }
