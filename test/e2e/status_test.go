package e2e

import "testing"

// status shows the way of the calls before create, after it, where it is broken, and after delete; it only reads.
func TestStatus(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	s.bind(reader)
	status := func(code int, flags ...string) {
		s.Helper()
		s.settled()
		s.writesNothing(func() { s.run(s.as(append([]string{"status", "deployment/server"}, flags...)...)...).exits(code) })
	}
	status(1)
	s.runQuietly(recipe()...).exits(0)
	status(0)
	status(0, "-o", "json")
	s.kubectl("patch", "service", "server", "-n", "test", "--type=json", "-p", `[{"op":"replace","path":"/spec/ports/0/name","value":"http"}]`)
	status(1)
	s.runQuietly(recipe()...).exits(0)
	s.kubectl("delete", "virtualservice", "server", "-n", "test")
	status(1)
	s.runQuietly("delete", "deployment/server").exits(0)
	status(1)
	s.golden()
}
