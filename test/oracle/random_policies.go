package oracle

import (
	networkingapi "istio.io/api/networking/v1alpha3"
	securityapi "istio.io/api/security/v1beta1"
	typeapi "istio.io/api/type/v1beta1"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	security "istio.io/client-go/pkg/apis/security/v1"
)

// makeDestinationRules makes rules for hosts of the mesh.
func (m *maker) makeDestinationRules() {
	for range m.between(0, 3) {
		rule := &networking.DestinationRule{ObjectMeta: m.meta(pick(m, allNamespaces...), m.unique("rule"))}
		name := pick(m, serviceNames...)
		rule.Spec.Host = pick(m, name, name+"."+pick(m, appNamespaces...)+".svc.cluster.local",
			name+"."+pick(m, appNamespaces...)+".svc.cluster.local", "*.shop.svc.cluster.local", "*.local", "*", "ext.example.net")
		rule.Spec.ExportTo = m.exportTo()
		if m.chance(80) {
			rule.Spec.TrafficPolicy = m.trafficPolicy(true)
		}
		for _, subset := range []string{"v1", "v2"} {
			if m.chance(40) {
				rule.Spec.Subsets = append(rule.Spec.Subsets, m.subset(subset))
			}
		}
		if m.chance(8) {
			rule.Spec.WorkloadSelector = &typeapi.WorkloadSelector{MatchLabels: map[string]string{"istio": pick(m, "ingressgateway", "private")}}
		}
		m.add(rule)
	}
}

func (m *maker) subset(name string) *networkingapi.Subset {
	subset := &networkingapi.Subset{Name: name, Labels: map[string]string{"version": name}}
	if m.chance(30) {
		subset.TrafficPolicy = m.trafficPolicy(true)
	}
	return subset
}

func (m *maker) trafficPolicy(withPorts bool) *networkingapi.TrafficPolicy {
	policy := &networkingapi.TrafficPolicy{}
	if m.chance(50) {
		policy.LoadBalancer = m.loadBalancer()
	}
	if m.chance(40) {
		policy.ConnectionPool = m.connectionPool()
	}
	if m.chance(30) {
		policy.Tls = m.clientTLS()
	}
	if withPorts && m.chance(25) {
		ofPort := m.trafficPolicy(false)
		policy.PortLevelSettings = []*networkingapi.TrafficPolicy_PortTrafficPolicy{{
			Port:         &networkingapi.PortSelector{Number: pick(m, uint32(8000), 50051)},
			LoadBalancer: ofPort.LoadBalancer, ConnectionPool: ofPort.ConnectionPool, Tls: ofPort.Tls,
		}}
	}
	return policy
}

func (m *maker) loadBalancer() *networkingapi.LoadBalancerSettings {
	if m.chance(20) {
		return &networkingapi.LoadBalancerSettings{LbPolicy: &networkingapi.LoadBalancerSettings_ConsistentHash{
			ConsistentHash: &networkingapi.LoadBalancerSettings_ConsistentHashLB{
				HashKey: &networkingapi.LoadBalancerSettings_ConsistentHashLB_HttpHeaderName{HttpHeaderName: "x-user"},
			},
		}}
	}
	return &networkingapi.LoadBalancerSettings{LbPolicy: &networkingapi.LoadBalancerSettings_Simple{Simple: pick(m,
		networkingapi.LoadBalancerSettings_ROUND_ROBIN, networkingapi.LoadBalancerSettings_LEAST_REQUEST,
		networkingapi.LoadBalancerSettings_RANDOM, networkingapi.LoadBalancerSettings_PASSTHROUGH,
		networkingapi.LoadBalancerSettings_UNSPECIFIED)}}
}

func (m *maker) connectionPool() *networkingapi.ConnectionPoolSettings {
	return &networkingapi.ConnectionPoolSettings{Http: &networkingapi.ConnectionPoolSettings_HTTPSettings{
		H2UpgradePolicy: pick(m, networkingapi.ConnectionPoolSettings_HTTPSettings_DEFAULT,
			networkingapi.ConnectionPoolSettings_HTTPSettings_UPGRADE, networkingapi.ConnectionPoolSettings_HTTPSettings_DO_NOT_UPGRADE),
		UseClientProtocol: m.chance(15),
		MaxRetries:        2,
	}}
}

func (m *maker) clientTLS() *networkingapi.ClientTLSSettings {
	tls := &networkingapi.ClientTLSSettings{Mode: pick(m, networkingapi.ClientTLSSettings_DISABLE, networkingapi.ClientTLSSettings_SIMPLE,
		networkingapi.ClientTLSSettings_MUTUAL, networkingapi.ClientTLSSettings_ISTIO_MUTUAL)}
	if tls.Mode == networkingapi.ClientTLSSettings_MUTUAL {
		tls.CredentialName = "client"
	}
	return tls
}

// makeServiceEntries adds hosts that are no Services.
func (m *maker) makeServiceEntries() {
	if !m.chance(30) {
		return
	}
	entry := &networking.ServiceEntry{ObjectMeta: m.meta(pick(m, allNamespaces...), m.unique("entry"))}
	entry.Spec.Hosts = []string{pick(m, "ext.example.net", "ext.example.net", "api.example.net")}
	entry.Spec.ExportTo = m.exportTo()
	entry.Spec.Ports = []*networkingapi.ServicePort{{
		Number: pick(m, uint32(8000), 443), Name: "port", Protocol: pick(m, "GRPC", "HTTP", "HTTP2", "TCP", "TLS"),
	}}
	entry.Spec.Resolution = networkingapi.ServiceEntry_STATIC
	entry.Spec.Endpoints = []*networkingapi.WorkloadEntry{{Address: "192.0.2.1"}}
	m.add(entry)
}

// makePeerAuthentications says where mutual TLS is demanded.
func (m *maker) makePeerAuthentications() {
	for range m.between(0, 2) {
		policy := &security.PeerAuthentication{ObjectMeta: m.meta(pick(m, rootNamespace, shopNamespace, backNamespace), m.unique("peer"))}
		policy.Spec.Mtls = m.mutualTLS()
		if policy.Namespace != rootNamespace && m.chance(50) {
			policy.Spec.Selector = &typeapi.WorkloadSelector{MatchLabels: map[string]string{"app": pick(m, serviceNames...)}}
			if m.chance(40) {
				policy.Spec.PortLevelMtls = map[uint32]*securityapi.PeerAuthentication_MutualTLS{50051: m.mutualTLS()}
			}
		}
		m.add(policy)
	}
}

func (m *maker) mutualTLS() *securityapi.PeerAuthentication_MutualTLS {
	return &securityapi.PeerAuthentication_MutualTLS{Mode: pick(m, securityapi.PeerAuthentication_MutualTLS_UNSET,
		securityapi.PeerAuthentication_MutualTLS_DISABLE, securityapi.PeerAuthentication_MutualTLS_PERMISSIVE,
		securityapi.PeerAuthentication_MutualTLS_STRICT)}
}

// makeSidecars makes what hides Services from proxies, though never from gateways.
func (m *maker) makeSidecars() {
	for _, namespace := range allNamespaces {
		if !m.chance(10) {
			continue
		}
		sidecar := &networking.Sidecar{ObjectMeta: m.meta(namespace, m.unique("sidecar"))}
		if m.chance(30) {
			sidecar.Spec.WorkloadSelector = &networkingapi.WorkloadSelector{Labels: map[string]string{"app": pick(m, serviceNames...)}}
		}
		hosts := pick(m, []string{"./*"}, []string{"~/*"}, []string{"shop/*", "istio-system/*"}, []string{"*/orders.shop.svc.cluster.local"})
		sidecar.Spec.Egress = []*networkingapi.IstioEgressListener{{Hosts: hosts}}
		m.add(sidecar)
	}
}
