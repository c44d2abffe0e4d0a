package e2e

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admission "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// refusingWebhook has every object of the resource in the scene refused with a message, as somebody's policy would.
func (s *scene) refusingWebhook(group, resource, message string) {
	s.Helper()
	pair := newCertificate(s.T, "127.0.0.1")
	identity, err := tls.X509KeyPair(pair.cert, pair.key)
	require.NoError(s, err)
	webhook := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admission.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		review.Response = &admission.AdmissionResponse{UID: review.Request.UID, Result: &metav1.Status{Message: message}}
		_ = json.NewEncoder(w).Encode(review)
	}))
	webhook.TLS = &tls.Config{Certificates: []tls.Certificate{identity}}
	webhook.StartTLS()
	s.Cleanup(webhook.Close)
	name := "policy-" + s.namespace + ".example.com"
	require.NoError(s, s.Apply(s.Context(), strings.NewReplacer("NAMESPACE", s.namespace, "NAME", name, "GROUP", group, "RESOURCE", resource,
		"URL", webhook.URL, "AUTHORITY", base64.StdEncoding.EncodeToString(pair.cert)).Replace(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: NAME}
webhooks:
- name: NAME
  admissionReviewVersions: [v1]
  sideEffects: None
  clientConfig: {url: "URL", caBundle: AUTHORITY}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}
  rules: [{apiGroups: ["GROUP"], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: [RESOURCE]}]
`)))
	s.Cleanup(func() {
		_, err := s.Kubectl(cleanup, "delete", "validatingwebhookconfiguration", name)
		assert.NoError(s, err)
	})
	// The API server learns of it by a watch.
	require.EventuallyWithT(s, func(c *assert.CollectT) {
		result := s.runQuietly(recipe("--dry-run=server")...)
		assert.Equal(c, 2, result.code)
	}, rolloutPatience, pause)
}

func TestWebhookRefusal(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	s.refusingWebhook("networking.istio.io", "gateways", "Gateways are made by the platform team; see https://wiki.example.com/gateways")
	s.refuses(recipe()...)
	s.golden()
}

// A policy of Kubernetes' own.
func TestAdmissionPolicyRefusal(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	name := "no-namespace-labels-" + s.namespace
	require.NoError(t, s.Apply(t.Context(), strings.NewReplacer("NAMESPACE", s.namespace, "NAME", name).Replace(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NAME}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [namespaces]}]}
  validations: [{expression: "!('istio-injection' in object.metadata.labels)", message: "meshes are opted into by ticket"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NAME}
spec: {policyName: NAME, validationActions: [Deny], matchResources: {objectSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}}}
`)))
	t.Cleanup(func() {
		_, err := s.Kubectl(cleanup, "delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", name)
		assert.NoError(t, err)
	})
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, 2, s.runQuietly(recipe("--dry-run=server")...).code)
	}, rolloutPatience, pause)
	s.refuses(recipe()...)
	s.golden()
}

// A field that a deployment tool owns is a conflict that names the tool; --force-conflicts takes it over.
func TestOwnedByOthers(t *testing.T) {
	tests := map[string]struct{ manager, metadata string }{
		"argo-cd":        {"argocd-controller", `annotations: {argocd.argoproj.io/tracking-id: "payments:/Service:test/server"}`},
		"flux-kustomize": {"kustomize-controller", `labels: {kustomize.toolkit.fluxcd.io/name: payments, kustomize.toolkit.fluxcd.io/namespace: flux-system}`},
		"flux-helm":      {"helm-controller", `labels: {helm.toolkit.fluxcd.io/name: payments, helm.toolkit.fluxcd.io/namespace: flux-system}`},
		"helm":           {"helm", `annotations: {meta.helm.sh/release-name: payments, meta.helm.sh/release-namespace: test}`},
		"somebody":       {"platform-operator", ``},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := on(t, onDefault)
			s.given(server)
			owned := strings.Replace(service(`, name: http`), "name: server, namespace: test", "name: server, namespace: test, "+test.metadata, 1)
			command := s.Command(t.Context(), "kubectl", "apply", "--server-side", "--field-manager="+test.manager, "-f", "-")
			command.Stdin = strings.NewReader(s.own(owned))
			output, err := command.CombinedOutput()
			require.NoError(t, err, string(output))
			before := s.picture()
			s.refuses(recipe()...)
			s.create("--force-conflicts").exits(0)
			s.delete("--force-conflicts").exits(0)
			s.settled()
			assert.Equal(t, before, s.picture())
			s.golden()
		})
	}
}

// Istio's own validator is asked too: it takes no host with a label of more than 63 characters.
func TestIstioRefusal(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	s.refuses(recipe("--host", strings.Repeat("grpc", 16)+".example.com")...)
	s.golden()
}
