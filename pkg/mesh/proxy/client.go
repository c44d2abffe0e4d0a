package proxy

// Client is a proxy that calls: a gateway, or a sidecar. Its namespace and labels decide which rules it uses.
type Client struct {
	Namespace string
	// Labels are those of its pods; only a DestinationRule with a workloadSelector asks for them.
	Labels map[string]string
	// Revision is that of the control plane that configures it, as far as its labels say so.
	Revision string
}

// Client is the gateway as a caller of Services.
func (w *GatewayWorkload) Client() Client {
	return Client{Namespace: w.Namespace, Labels: w.Labels, Revision: gatewayRevision(w)}
}
