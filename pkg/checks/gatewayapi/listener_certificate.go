package gatewayapi

import (
	"fmt"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var listenerCertificate = &checks.Check{
	ID:     "GX809",
	Slug:   "listener-certificate",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A listener has no certificate that it can present",
	What: "An HTTPS listener of a Gateway (of the Gateway API) or of a ListenerSet on the path of gRPC calls has no `tls`, or no certificate, or " +
		"passes TLS through; or its `certificateRefs` name a Secret that does not exist, or one without a certificate and its key that fit, or " +
		"whose certificate is not valid now or not for the listener's hostname (a warning).",
	Why: "An HTTPS listener terminates TLS with the Secret that it names (type kubernetes.io/tls). istiod leaves the listener out where it cannot " +
		"read a certificate and its key from it.",
	Client:   "UNAVAILABLE: nothing listens, or the TLS handshake fails.",
	Bad:      example.ShopServer + exampleTLSGateway + example.ShopAPIRoute,
	Good:     example.ShopServer + exampleTLSGateway + example.ShopAPIRoute + exampleCertificateOfShop,
	Reads:    append(append([]mesh.Kind{}, apiRouteReads...), mesh.KindSecret),
	Consults: checks.WithoutKinds(apiRouteConsults, mesh.KindSecret),
	Since:    "v0.1.0",
	Run:      runListenerCertificate,
}

const exampleTLSGateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: istio
  listeners:
  - name: grpc
    port: 443
    protocol: HTTPS
    hostname: orders.example.com
    tls: {certificateRefs: [{name: orders-cert}]}
---
`

// certificateNotice is how long before its end a certificate is warned about, as GX412 does.
const certificateNotice = 30 * 24 * time.Hour

// ownedListener is a listener of a Gateway or ListenerSet, and its place there.
type ownedListener struct {
	owner    mesh.Object
	index    int
	listener *gatewayv1.Listener
	of       checks.Relevance
}

func (l ownedListener) path(steps ...any) plan.Path {
	return plan.PathOf(append([]any{"spec", "listeners", l.index}, steps...)...)
}

// listenersOfGRPC are the listeners on the path of gRPC calls that istiod serves, or would.
func listenersOfGRPC(p *checks.Pass) []ownedListener {
	var listeners []ownedListener
	relevances := checks.GatewaysOfGRPC(p)
	for _, gateway := range p.KubernetesGateways().All() {
		of, judged := relevances[gateway]
		if !judged || !gatewayapi.IsIstioIngress(p.Snapshot, gateway) {
			continue
		}
		for i := range gateway.Spec.Listeners {
			listener := &gateway.Spec.Listeners[i]
			listeners = append(listeners, ownedListener{gateway, i, listener, of.OfListener(listener.Name)})
		}
	}
	return append(listeners, listenersOfSets(p)...)
}

// listenersOfSets are those of ListenerSets, as far as their Gateways serve them.
func listenersOfSets(p *checks.Pass) []ownedListener {
	var listeners []ownedListener
	sets := listenerSetsOfGRPC(p)
	for _, set := range gatewayapi.ListenerSets(p.Snapshot) {
		of, named := sets[set.Object]
		if !named || set.Admission != gatewayapi.Admitted {
			continue
		}
		for i, listener := range set.Listeners {
			if listener.Conflict == nil {
				listeners = append(listeners, ownedListener{set.Object, i, listener.Listener, of.ofListener(listener.Name)})
			}
		}
	}
	return listeners
}

func runListenerCertificate(p *checks.Pass) {
	for _, listener := range listenersOfGRPC(p) {
		if listener.listener.Protocol == gatewayv1.HTTPSProtocolType && p.LostInScope(listener.of) && p.Wants(listener.owner) {
			judgeListenerTLS(p, listener)
		}
	}
}

// judgeListenerTLS follows what istiod makes of a listener's tls.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (buildListener, buildTLS, buildSecretReference).
func judgeListenerTLS(p *checks.Pass, listener ownedListener) {
	tls := listener.listener.TLS
	switch {
	case tls == nil:
		listener.report(p, "tls", "has protocol HTTPS and no tls: istiod leaves it out", "Add tls with certificateRefs to the listener.")
		return
	case tls.Mode != nil && *tls.Mode == gatewayv1.TLSModePassthrough:
		listener.report(p, "tls", "has protocol HTTPS and passes TLS through: the gateway never sees the requests that a GRPCRoute routes",
			"Write mode Terminate with certificateRefs, or protocol TLS with a TLSRoute.")
		return
	case !gatewayapi.ServesCertificateRefs(listener.listener):
		return
	case len(tls.CertificateRefs) == 0:
		listener.report(p, "tls", "has protocol HTTPS and no certificateRefs: it has no certificate to present", "Name a Secret with a certificate in certificateRefs.")
		return
	}
	for i := range tls.CertificateRefs {
		judgeCertificateRef(p, listener, i)
	}
}

func (l ownedListener) report(p *checks.Pass, field, fault, fix string) {
	p.Report(checks.Finding{
		Object: l.owner, Path: l.path(field), Level: p.LevelFor(l.of, checks.Error),
		Message: fmt.Sprintf("Listener %q %s.", l.listener.Name, fault),
		Symptom: "UNAVAILABLE: nothing listens, or the TLS handshake fails", Fix: checks.Fix{Text: fix},
	})
}

func judgeCertificateRef(p *checks.Pass, listener ownedListener, index int) {
	reference := listener.listener.TLS.CertificateRefs[index]
	finding := checks.Finding{
		Object: listener.owner, Path: listener.path("tls", "certificateRefs", index, "name"), Level: p.LevelFor(listener.of, checks.Error),
		Symptom: "UNAVAILABLE: the listener is not programmed, or presents no certificate",
	}
	found, isSecret := gatewayapi.CertificateReference(listener.owner, reference)
	if !isSecret {
		finding.Path = listener.path("tls", "certificateRefs", index, "kind")
		finding.Message = fmt.Sprintf("Listener %q takes its certificate from no Secret: Istio knows no other kind of certificateRef.", listener.listener.Name)
		finding.Fix.Text = "Name a Secret of type kubernetes.io/tls."
		p.Report(finding)
		return
	}
	if !gatewayapi.Granted(p.Snapshot, found) {
		return // GX805
	}
	name := found.ToNamespace + "/" + found.ToName
	secret, there := p.Secrets().Get(found.ToNamespace, found.ToName)
	if !there {
		if !p.Missing(mesh.KindSecret, found.ToNamespace, found.ToName) {
			return
		}
		finding.Message = fmt.Sprintf("Listener %q takes its certificate from Secret %s, which does not exist.", listener.listener.Name, name)
		finding.Evidence = secretsNamed(p, found.ToName)
		finding.Fix.Text = fmt.Sprintf("Create the Secret (type kubernetes.io/tls) in namespace %s, or name one that exists.", found.ToNamespace)
		otherOfTwo(p, listener, index, &finding)
		p.Report(finding)
		return
	}
	secret, readable := checks.SecretWithValues(p, secret)
	if !readable {
		return
	}
	judgeCertificateSecret(p, listener, secret, finding)
}

// judgeCertificateSecret completes and reports the finding where the Secret has no certificate that clients take.
func judgeCertificateSecret(p *checks.Pass, listener ownedListener, secret *core.Secret, finding checks.Finding) {
	pair, problem := gateway.SecretKeyPair(secret)
	finding.Evidence = gateway.SecretFacts(secret)
	finding.Fix.Text = fmt.Sprintf("Put a valid certificate, before those of its authorities, and its key into Secret %s/%s.", secret.Namespace, secret.Name)
	if problem == "" {
		if problem = gateway.Validity(pair.Leaf(), p.Now()); problem != "" {
			finding.Symptom = "UNAVAILABLE: clients refuse the certificate"
		}
	}
	hostname := ""
	if listener.listener.Hostname != nil {
		hostname = string(*listener.listener.Hostname)
	}
	switch {
	case problem != "":
	case pair.Leaf().NotAfter.Sub(p.Now()) <= certificateNotice:
		finding.Level = checks.Warning
		finding.Symptom = "none yet; UNAVAILABLE from then on: clients refuse the certificate"
		problem = fmt.Sprintf("it expires on %s", pair.Leaf().NotAfter.UTC().Format(time.DateOnly))
	case len(listener.listener.TLS.CertificateRefs) == 1 && !gateway.CertificateCovers(pair.Leaf(), hostname):
		finding.Level = checks.Warning
		finding.Symptom = "UNAVAILABLE: clients refuse a certificate for other names"
		problem = "its certificate is not for " + hostname
	default:
		return
	}
	finding.Message = fmt.Sprintf("Listener %q takes its certificate from Secret %s/%s: %s.", listener.listener.Name, secret.Namespace, secret.Name, problem)
	p.Report(finding)
}

// otherOfTwo is what clients see of a listener whose second certificate istiod cannot take: it presents the first alone.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (buildTLS).
func otherOfTwo(p *checks.Pass, listener ownedListener, index int, finding *checks.Finding) {
	references := listener.listener.TLS.CertificateRefs
	if len(references) != 2 || index != 1 {
		return
	}
	first, isSecret := gatewayapi.CertificateReference(listener.owner, references[0])
	if _, there := p.Secrets().Get(first.ToNamespace, first.ToName); isSecret && there && gatewayapi.Granted(p.Snapshot, first) {
		finding.Level = checks.Warning
		finding.Symptom = "none for clients that take the first certificate: the listener presents it alone; UNAVAILABLE for the others"
	}
}

// secretsNamed hints at Secrets of the name in other namespaces.
func secretsNamed(p *checks.Pass, name string) []string {
	var hints []string
	for _, secret := range p.Secrets().All() {
		if secret.Name == name {
			hints = append(hints, fmt.Sprintf("there is a Secret %s in namespace %s; a reference to it needs a ReferenceGrant there", name, secret.Namespace))
		}
	}
	return hints
}

var exampleCertificateOfShop = strings.ReplaceAll(example.Certificate, "namespace: istio-system", "namespace: shop")
