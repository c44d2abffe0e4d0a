package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// server is the Deployment of the recipe: no mesh, no Service, no declared port.
const server = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: server, namespace: test, labels: {app: server}}
spec:
  replicas: 2
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec: {containers: [{name: server, image: "docker.io/imroc/grpc_server:latest"}]}
`

func TestRecipe(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	before := s.picture()
	s.hasProxies(2, noSidecar)

	s.create().exits(0)
	s.hasProxies(2, nativeSidecar)
	s.show("namespaces", "test")
	s.show("services", "server")
	s.show("gateways.networking.istio.io", "server")
	s.show("virtualservices.networking.istio.io", "server")

	s.settled()
	s.writesNothing(func() { s.create().exits(0) })

	s.delete().exits(0)
	s.settled()
	assert.Equal(t, before, s.picture())
	s.hasProxies(2, noSidecar)
	s.writesNothing(func() { s.delete().exits(0) })
	s.golden()
}

func TestRecipeWithOrdinarySidecars(t *testing.T) {
	s := on(t, onOrdinary)
	s.given(server)
	before := s.picture()
	s.create().exits(0)
	s.hasProxies(2, ordinarySidecar)
	s.settled()
	s.writesNothing(func() { s.create().exits(0).says("nothing to change") })
	s.delete().exits(0)
	s.settled()
	assert.Equal(t, before, s.picture())
	s.hasProxies(2, noSidecar)
}

func TestRecipeOnRevisions(t *testing.T) {
	s := on(t, onRevisions)
	s.given(server)
	before := s.picture()
	s.writesNothing(func() { s.create().exits(2) })

	s.create("--revision", "1-26").exits(0)
	s.hasProxies(2, nativeSidecar)
	s.show("namespaces", "test")
	s.settled()
	s.writesNothing(func() { s.create("--revision", "1-26").exits(0) })

	s.delete().exits(0)
	s.settled()
	assert.Equal(t, before, s.picture())
	s.golden()
}

func TestRecipeOnTag(t *testing.T) {
	s := on(t, onRevisions)
	s.given(server)
	before := s.picture()
	s.create("--revision", "stable").exits(0)
	s.hasProxies(2, nativeSidecar)
	s.show("namespaces", "test")
	s.settled()
	// Without --revision the tag that is there already is the answer.
	s.writesNothing(func() { s.create().exits(0) })

	s.delete().exits(0)
	s.settled()
	assert.Equal(t, before, s.picture())
	s.golden()
}
