package traffic

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"google.golang.org/grpc/codes"
)

func TestMeaning(t *testing.T) {
	tests := []struct {
		code    codes.Code
		message string
		meaning string
	}{
		{codes.Unimplemented, "", "no route of the gateway takes these calls (404), or the server does not know the method"},
		{codes.Unimplemented, "unknown service a.B", "the server answers, but does not know the method"},
		{codes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`, "nothing listens: the gateway has no listener on the port, or its Service does not open it"},
		{codes.Unavailable, "no healthy upstream", "no pod is ready behind the route"},
		{codes.Unavailable, "upstream connect error or disconnect/reset before headers. reset reason: protocol error", "the gateway and the pods do not speak the same protocol: the Service port is not gRPC to Istio"},
		{codes.Unavailable, "upstream connect error or disconnect/reset before headers. reset reason: connection failure", "the gateway does not reach the pods: wrong port, or protocol, or a policy in between"},
		{codes.Unavailable, "transport: authentication handshake failed: EOF", "TLS does not come about: one side speaks plaintext, or the certificate is not believed"},
		{codes.Unavailable, "dial tcp 192.0.2.1:80: i/o timeout", "the address does not answer: it is not reachable from here, or a firewall drops the packets"},
		{codes.Unavailable, "lookup grpc.invalid: no such host", "the address's name is not known here"},
		{codes.Unavailable, "", "the connection was refused, closed or never made"},
		{codes.PermissionDenied, "RBAC: access denied", "an AuthorizationPolicy (RBAC) or the server refuses the caller"},
		{codes.NotFound, "", ""},
	}
	for _, test := range tests {
		assert.Equal(t, test.meaning, Failure{Code: test.code, Message: test.message}.Meaning(), "%s %s", test.code, test.message)
	}
}
