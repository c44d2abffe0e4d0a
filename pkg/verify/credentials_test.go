package verify

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/assert"
	"google.golang.org/grpc/metadata"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
)

func TestIsCredential(t *testing.T) {
	for _, name := range []string{"authorization", "proxy-authorization", "cookie", "x-api-key", "apikey", "x-auth-request", "x-amz-security-token", "x-csrf-token", "my-secret", "x-session-id"} {
		assert.True(t, isCredential(name, "x"), name)
	}
	for _, value := range []string{"Bearer x", "basic eDp5", "eyJhbGciOi"} {
		assert.True(t, isCredential("x-who", value), value)
	}
	for _, name := range []string{"x-who", "x-request-id", "accept-language", "x-envoy-max-retries", "idempotency-key"} {
		assert.False(t, isCredential(name, "me"), name)
	}
}

// TestCredentialsAreKept holds where headers that look like credentials may go.
func TestCredentialsAreKept(t *testing.T) {
	yes, no := true, false
	believing := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // what is tested
	entrance := func(trusted bool) *callpath.Entrance {
		return &callpath.Entrance{Trusted: trusted, Route: &gateway.GatewayRoute{
			Server:         &gateway.Server{Workload: &proxy.GatewayWorkload{Namespace: "evil"}},
			VirtualService: &networking.VirtualService{ObjectMeta: metav1.ObjectMeta{Namespace: "evil", Name: "route"}},
		}}
	}
	tests := map[string]struct {
		trial     Trial
		trusted   bool
		tls       *tls.Config
		forwarded bool
		sent      bool
	}{
		"plaintext":                         {Trial{}, true, nil, false, false},
		"plaintext, as said":                {Trial{TLS: &no}, true, nil, false, true},
		"plaintext to a forwarded port":     {Trial{}, true, nil, true, true},
		"plaintext to a stranger's pod":     {Trial{}, false, nil, true, false},
		"plaintext to an address":           {Trial{Address: "192.0.2.1:80"}, true, nil, false, false},
		"plaintext to this machine":         {Trial{Address: "127.0.0.1:80"}, true, nil, false, true},
		"plaintext to localhost":            {Trial{Address: "localhost:80"}, true, nil, false, true},
		"TLS":                               {Trial{}, true, &tls.Config{}, false, true},
		"TLS to an address":                 {Trial{Address: "192.0.2.1:80", TLS: &yes}, false, &tls.Config{}, false, true},
		"TLS to a stranger's gateway":       {Trial{}, false, &tls.Config{}, false, false},
		"TLS to a stranger, with authority": {Trial{Authority: "a.example.com"}, false, &tls.Config{}, false, true},
		"TLS to a stranger, unverified":     {Trial{Authority: "a.example.com"}, false, believing, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.trial.Headers, test.trial.Wish.Method = metadata.Pairs("authorization", "Bearer secret", "x-who", "me"), "a.B/C"
			v := &verifier{trial: test.trial, entrance: entrance(test.trusted)}
			target := traffic.Target{Address: "203.0.113.10:8000", TLS: test.tls}
			err := v.checkCredentials(target, test.forwarded)
			if test.sent {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, "--header authorization looks like a credential, and is not sent")
				assert.NotContains(t, err.Error(), "secret")
				assert.NotContains(t, err.Error(), "x-who")
			}
			v.trial.Wish.Method = ""
			assert.NoError(t, v.checkCredentials(target, test.forwarded), "no header is sent without --call")
			v.trial.Wish.Method, v.trial.Headers = "a.B/C", metadata.Pairs("x-who", "me")
			assert.NoError(t, v.checkCredentials(target, test.forwarded), "not a credential")
		})
	}
}

// TestStrangersAreFew holds that a gateway cannot fill the screen with addresses.
func TestStrangersAreFew(t *testing.T) {
	counts := traffic.Counts{"10.0.0.1:9": 5}
	for i := range 1000 {
		counts[string(rune('a'+i%26))+string(rune('a'+i/26))] = 1
	}
	o := &gatewayObserver{endpoints: map[string]callpath.Endpoint{"10.0.0.1": {Pod: "server-1", Ready: true}}}
	shares := o.shares(counts)
	assert.Len(t, shares, maxStrangers+2)
	assert.Equal(t, traffic.Share{Pod: "other addresses", Calls: 1000 - maxStrangers}, shares[len(shares)-1])
	assert.Contains(t, shares, traffic.Share{Pod: "server-1", Ready: true, Calls: 5})
}
