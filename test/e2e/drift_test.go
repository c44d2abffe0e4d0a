package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What somebody has changed since create stays as it is, and delete says so.
func TestChangedSinceCreate(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + service(`, name: http`))
	s.create().exits(0)
	s.kubectl("patch", "service", "server", "-n", "test", "--type=json", "-p", `[{"op":"replace","path":"/spec/ports/0/name","value":"grpc-v2"}]`)
	s.kubectl("label", "--overwrite", "namespace", "test", "istio-injection=disabled")
	s.delete().exits(0)
	s.settled()
	s.show("services", "server")
	s.show("namespaces", "test")
	s.gone("virtualservices.networking.istio.io", "server")
	s.golden()
}

// What somebody has deleted since create is made again.
func TestRepair(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	before := s.picture()
	s.create().exits(0)
	s.settled()
	created := s.picture()
	s.kubectl("delete", "virtualservice,service", "server", "-n", "test")
	s.create().exits(0)
	assert.Equal(t, withoutUIDs(created), withoutUIDs(s.picture()))
	s.delete().exits(0)
	s.settled()
	assert.Equal(t, before, s.picture())
	s.golden()
}

// A workload that is gone can still be taken back.
func TestDeleteWithoutWorkload(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	s.create().exits(0)
	s.kubectl("delete", "deployment", "server", "-n", "test")
	s.settled()
	s.delete().exits(0)
	assert.Empty(t, s.list("services"))
	assert.Empty(t, s.list("gateways.networking.istio.io"))
	assert.NotContains(t, s.get("namespaces", "test").GetLabels(), "istio-injection")
	s.golden()
}
