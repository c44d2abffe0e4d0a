package verify

import (
	"crypto/tls"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
)

// Trial is what calls to make, and how.
type Trial struct {
	// Address is empty for the gateway's; GatewayWorkload names that gateway's proxies, empty for those that the Gateway is on.
	Address         string
	GatewayWorkload string
	Wish            traffic.Wish
	Run             traffic.Options
	// Timeout bounds all of it.
	Timeout time.Duration
	// Compare makes the same calls past the gateway too.
	Compare bool
	// Patience is how long a first call may fail before the calls begin: what has just been made takes a moment to reach the
	// gateway. 0 for no time.
	Patience time.Duration
	// TLS is what the user has said about it; nil for nothing.
	TLS *bool
	// Config is for a target that speaks TLS.
	Config    *tls.Config
	Authority string
	Headers   metadata.MD
}

// DefaultTrial is what is done where the user says nothing.
var DefaultTrial = Trial{
	Run:     traffic.Options{Requests: 200, Concurrency: 10, CallTimeout: 10 * time.Second},
	Timeout: time.Minute,
	Config:  &tls.Config{MinVersion: tls.VersionTLS12},
}

// Target is where the calls go by way of an entrance, at an address; entrance may be nil.
func (t Trial) Target(entrance *callpath.Entrance, address string) traffic.Target {
	target := traffic.Target{Address: address, Authority: t.Authority, Headers: t.Headers}
	speaksTLS := entrance != nil && entrance.TLS
	if t.TLS != nil {
		speaksTLS = *t.TLS
	}
	if speaksTLS {
		target.TLS = t.Config
	}
	if target.Authority == "" && entrance != nil {
		target.Authority = entrance.Authority
	}
	return target
}
