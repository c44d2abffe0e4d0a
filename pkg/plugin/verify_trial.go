package plugin

import (
	"context"
	"net"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/verify"
)

// toTrial checks the flags; what it finds wrong names the flag and what would be right.
func (f *verifyFlags) toTrial(ctx context.Context, tlsSaid bool) (verify.Trial, error) {
	switch {
	case f.requests < 1:
		return verify.Trial{}, usage("--requests=%d: must be at least 1", f.requests)
	case f.concurrency < 1:
		return verify.Trial{}, usage("--concurrency=%d: must be at least 1", f.concurrency)
	case f.rate < 0:
		return verify.Trial{}, usage("--rate=%g: must not be negative", f.rate)
	case f.timeout <= 0:
		return verify.Trial{}, usage("--timeout=%s: must be more than nothing, as 1m", f.timeout)
	case f.call == "" && (f.data != "" || len(f.protoFiles) > 0):
		return verify.Trial{}, usage("--data and --proto go with --call")
	case len(f.importPaths) > 0 && len(f.protoFiles) == 0:
		return verify.Trial{}, usage("--import-path goes with --proto")
	case tlsSaid && !f.tls && f.tlsFiles != (traffic.TLSOptions{}):
		return verify.Trial{}, usage("--tls=false does not go with certificates")
	}
	if f.address != "" {
		if _, _, err := net.SplitHostPort(f.address); err != nil {
			return verify.Trial{}, usage("--address=%s: must be HOST:PORT", f.address)
		}
	}
	if err := gatewayWorkloadFlag(f.gateway); err != nil {
		return verify.Trial{}, err
	}
	t := verify.DefaultTrial
	t.GatewayWorkload = f.gateway
	t.Address, t.Timeout, t.Compare, t.Authority = f.address, f.timeout, f.compare, f.authority
	t.Run.Requests, t.Run.Concurrency, t.Run.Rate = f.requests, f.concurrency, f.rate
	t.Wish = traffic.Wish{Method: f.call, Data: f.data, ProtoFiles: f.protoFiles, ImportPaths: f.importPaths}
	if tlsSaid || f.tlsFiles != (traffic.TLSOptions{}) {
		wanted := f.tls || f.tlsFiles != (traffic.TLSOptions{})
		t.TLS = &wanted
	}
	var err error
	if t.Config, err = f.tlsFiles.Config(ctx); err != nil {
		return verify.Trial{}, err
	}
	t.Headers, err = headersFlag(f.headers)
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
