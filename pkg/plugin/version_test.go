package plugin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// apiServer answers GETs with the YAML texts given, by path, and with "not found" else, until the test ends.
func apiServer(t *testing.T, answers map[string]string) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := answers[r.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		if !ok {
			text = `{kind: Status, apiVersion: v1, status: Failure, reason: NotFound, code: 404}`
			w.WriteHeader(http.StatusNotFound)
		}
		data, err := yaml.YAMLToJSON([]byte(text))
		assert.NoError(t, err)
		_, _ = w.Write(data)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

const (
	deploymentsPath = "/apis/apps/v1/deployments"
	webhooksPath    = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"

	noDeployments = `{apiVersion: apps/v1, kind: DeploymentList, items: []}`
	noWebhooks    = `{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfigurationList, items: []}`
)

// run executes a command line without a kubeconfig; what it prints of this build is replaced.
func run(t *testing.T, arguments ...string) (stdout, stderr string, code int) {
	t.Helper()
	t.Setenv("KUBECONFIG", "/nowhere")
	streams, out, errors := report.FakeStreams("")
	code = Execute(t.Context(), func() {}, streams, arguments)
	return out.String(), errors.String(), code
}

func TestVersionOfTheClient(t *testing.T) {
	stdout, stderr, code := run(t, "version", "--client")
	assert.Regexp(t, `^Client  v0\.1\.0-dev \(go1\.\S+ \w+/\w+(, commit [0-9a-f]{12}\+?)?\)\n$`, stdout)
	assert.Empty(t, stderr)
	assert.Equal(t, ExitFine, code)
}

func TestVersionWithoutKubeconfig(t *testing.T) {
	stdout, stderr, code := run(t, "version")
	assert.Regexp(t, `^Client  v0\.1\.0-dev .*\n$`, stdout)
	assert.Equal(t, "note: there is no kubeconfig that says which cluster is meant, so none was asked\n", stderr)
	assert.Equal(t, ExitFine, code)
}

func TestVersionOfAServerThatDoesNotAnswer(t *testing.T) {
	stdout, stderr, code := run(t, "version", "--server", "http://127.0.0.1:1")
	assert.Regexp(t, `^Client  v0\.1\.0-dev .*\n$`, stdout, "what is known is printed")
	assert.Contains(t, stderr, "error: the API server at http://127.0.0.1:1 cannot be reached")
	assert.Equal(t, ExitFailed, code)
}

const current = `
kind: APIGroupDiscoveryList
apiVersion: apidiscovery.k8s.io/v2
items:
- metadata: {name: networking.istio.io}
  versions:
  - {version: v1, resources: [{resource: gateways}, {resource: virtualservices}]}
  - {version: v1beta1, resources: [{resource: gateways}]}
  - {version: v1alpha3, resources: [{resource: gateways}, {resource: envoyfilters}]}
- metadata: {name: security.istio.io}
  versions: [{version: v1, resources: [{resource: authorizationpolicies}]}]
`

const old = `
kind: APIGroupDiscoveryList
apiVersion: apidiscovery.k8s.io/v2
items:
- metadata: {name: networking.istio.io}
  versions: [{version: v1beta1, resources: [{resource: gateways}]}]
- metadata: {name: gateway.networking.k8s.io}
  versions: [{version: v1alpha2, resources: [{resource: grpcroutes}]}, {version: v1beta1, resources: [{resource: gateways}]}]
`

const istiodDeployments = `
apiVersion: apps/v1
kind: DeploymentList
items:
- metadata: {name: istiod, namespace: istio-system}
  spec:
    template:
      metadata: {labels: {app: istiod, istio.io/rev: default}}
      spec: {containers: [{name: discovery, image: "istio/pilot:VERSION"}]}
`

func TestVersionOfTheServer(t *testing.T) {
	tests := map[string]struct {
		answers        map[string]string
		stdout, stderr string
	}{
		"as tested": {
			map[string]string{"/version": `gitVersion: v1.37.2`, "/apis": current, webhooksPath: noWebhooks, deploymentsPath: istiodAt("1.31.1")},
			`API server                 v1.37.2
istiod                     revision default: 1.31.1
gateway.networking.k8s.io  not installed
networking.istio.io        v1, v1beta1, v1alpha3
security.istio.io          v1
`, "",
		},
		"old": {
			map[string]string{"/version": `gitVersion: v1.29.4-tke.2`, "/apis": old, webhooksPath: noWebhooks, deploymentsPath: istiodAt("1.12.5-distroless")},
			`API server                 v1.29.4-tke.2
istiod                     revision default: 1.12.5
gateway.networking.k8s.io  v1beta1, v1alpha2
networking.istio.io        v1beta1
security.istio.io          not installed
`, `warning: the API server is v1.29.4-tke.2, older than the oldest that is tested, 1.35
warning: istiod of revision default is 1.12.5, older than the oldest that is tested, 1.31
warning: grpcroutes.gateway.networking.k8s.io are served as v1alpha2 only; tested are v1, v1beta1
`,
		},
		"no Istio": {
			map[string]string{"/version": `gitVersion: v1.37.2`, "/apis": `{kind: APIGroupDiscoveryList, apiVersion: apidiscovery.k8s.io/v2}`, webhooksPath: noWebhooks, deploymentsPath: noDeployments},
			`API server                 v1.37.2
gateway.networking.k8s.io  not installed
networking.istio.io        not installed
security.istio.io          not installed
`, "warning: there is no istiod, and no webhook that leads to one\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := run(t, "version", "--server", apiServer(t, test.answers))
			assert.Regexp(t, `^Client {21}v0\.1\.0-dev .*\n`, stdout)
			_, server, _ := strings.Cut(stdout, "\n")
			assert.Equal(t, test.stdout, server)
			assert.Equal(t, test.stderr, stderr)
			assert.Equal(t, ExitFine, code)
		})
	}
}

func TestVersionForMachines(t *testing.T) {
	url := apiServer(t, map[string]string{"/version": `gitVersion: v1.37.2`, "/apis": current, webhooksPath: noWebhooks, deploymentsPath: istiodAt("1.30.0")})
	stdout, stderr, code := run(t, "version", "--server", url, "-o", "json")
	var document map[string]any
	assert.NoError(t, yaml.Unmarshal([]byte(stdout), &document))
	assert.Equal(t, map[string]any{
		"kubernetes":    "v1.37.2",
		"controlPlanes": []any{map[string]any{"revision": "default", "version": "1.30.0"}},
		"customResources": []any{
			map[string]any{"group": "gateway.networking.k8s.io", "versions": []any{}},
			map[string]any{"group": "networking.istio.io", "versions": []any{"v1", "v1beta1", "v1alpha3"}},
			map[string]any{"group": "security.istio.io", "versions": []any{"v1"}},
		},
		"warnings": []any{"istiod of revision default is 1.30.0, older than the oldest that is tested, 1.31"},
	}, document["server"])
	assert.Equal(t, "Version", document["kind"])
	assert.Empty(t, stderr, "warnings are in the document")
	assert.Equal(t, ExitFine, code)
}

func TestVersionRefusesOtherFormats(t *testing.T) {
	_, stderr, code := run(t, "version", "-o", "wide")
	assert.Equal(t, "error: --output=wide: must be one of json\nSee 'kubectl grpcexpose version --help'\n", stderr)
	assert.Equal(t, ExitFailed, code)
}

func istiodAt(version string) string {
	return strings.ReplaceAll(istiodDeployments, "VERSION", version)
}
