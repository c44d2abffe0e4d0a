package plugin

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
)

// trial is what calls to make, and how.
type trial struct {
	// address is empty for the gateway's; gatewayWorkload names that gateway's proxies, empty for those that the Gateway is on.
	address         string
	gatewayWorkload string
	wish            traffic.Wish
	run             traffic.Options
	// timeout bounds all of it.
	timeout time.Duration
	compare bool
	// patience is how long a first call may fail before the calls begin: what has just been made takes a moment to reach the
	// gateway. 0 for no time.
	patience time.Duration
	// tls is what the user has said about it; nil for nothing.
	tls *bool
	// config is for a target that speaks TLS.
	config    *tls.Config
	authority string
	headers   metadata.MD
}

// defaultTrial is what is done where the user says nothing.
var defaultTrial = trial{
	run:     traffic.Options{Requests: 200, Concurrency: 10, CallTimeout: 10 * time.Second},
	timeout: time.Minute,
	config:  &tls.Config{MinVersion: tls.VersionTLS12},
}

// toTrial checks the flags; what it finds wrong names the flag and what would be right.
func (f *verifyFlags) toTrial(ctx context.Context, tlsSaid bool) (trial, error) {
	switch {
	case f.requests < 1:
		return trial{}, usage("--requests=%d: must be at least 1", f.requests)
	case f.concurrency < 1:
		return trial{}, usage("--concurrency=%d: must be at least 1", f.concurrency)
	case f.rate < 0:
		return trial{}, usage("--rate=%g: must not be negative", f.rate)
	case f.timeout <= 0:
		return trial{}, usage("--timeout=%s: must be more than nothing, as 1m", f.timeout)
	case f.call == "" && (f.data != "" || len(f.protoFiles) > 0):
		return trial{}, usage("--data and --proto go with --call")
	case len(f.importPaths) > 0 && len(f.protoFiles) == 0:
		return trial{}, usage("--import-path goes with --proto")
	case tlsSaid && !f.tls && f.tlsFiles != (traffic.TLSOptions{}):
		return trial{}, usage("--tls=false does not go with certificates")
	}
	if f.address != "" {
		if _, _, err := net.SplitHostPort(f.address); err != nil {
			return trial{}, usage("--address=%s: must be HOST:PORT", f.address)
		}
	}
	if err := gatewayWorkloadFlag(f.gateway); err != nil {
		return trial{}, err
	}
	t := defaultTrial
	t.gatewayWorkload = f.gateway
	t.address, t.timeout, t.compare, t.authority = f.address, f.timeout, f.compare, f.authority
	t.run.Requests, t.run.Concurrency, t.run.Rate = f.requests, f.concurrency, f.rate
	t.wish = traffic.Wish{Method: f.call, Data: f.data, ProtoFiles: f.protoFiles, ImportPaths: f.importPaths}
	if tlsSaid || f.tlsFiles != (traffic.TLSOptions{}) {
		wanted := f.tls || f.tlsFiles != (traffic.TLSOptions{})
		t.tls = &wanted
	}
	var err error
	if t.config, err = f.tlsFiles.Config(ctx); err != nil {
		return trial{}, err
	}
	t.headers, err = headersFlag(f.headers)
	return t, err
}

func headersFlag(values []string) (metadata.MD, error) {
	headers := metadata.MD{}
	for _, header := range values {
		key, value, ok := strings.Cut(header, ":")
		key = strings.ToLower(strings.TrimSpace(key))
		if !ok || key == "" || strings.HasPrefix(key, "grpc-") || strings.ContainsAny(key, " \t") {
			return nil, usage("--header: must be 'NAME: VALUE', and not one of gRPC's own")
		}
		headers.Append(key, strings.TrimSpace(value))
	}
	return headers, nil
}

// target is where the calls go by way of an entrance, at an address; entrance may be nil.
func (t trial) target(entrance *callpath.Entrance, address string) traffic.Target {
	target := traffic.Target{Address: address, Authority: t.authority, Headers: t.headers}
	speaksTLS := entrance != nil && entrance.TLS
	if t.tls != nil {
		speaksTLS = *t.tls
	}
	if speaksTLS {
		target.TLS = t.config
	}
	if target.Authority == "" && entrance != nil {
		target.Authority = entrance.Authority
	}
	return target
}
