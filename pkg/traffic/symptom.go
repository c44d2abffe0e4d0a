package traffic

import (
	"strings"

	"google.golang.org/grpc/codes"
)

// Meaning says what a gRPC code means on the way through a gateway: where such a failure comes from, empty where that
// depends on the server alone.
// Source: Envoy's local replies, source/common/grpc/common.cc (httpToGrpcStatus); gRPC's doc/http-grpc-status-mapping.md.
func (f Failure) Meaning() string {
	message := strings.ToLower(f.Message)
	has := func(text string) bool { return strings.Contains(message, text) }
	switch f.Code {
	case codes.Unimplemented:
		if has("unknown service") || has("unknown method") || has("method not found") {
			return "the server answers, but does not know the method"
		}
		return "no route of the gateway takes these calls (404), or the server does not know the method"
	case codes.Unavailable:
		return unavailableMeaning(has)
	case codes.DeadlineExceeded:
		return "no answer in time: the server is slow, a route's timeout is short, or packets are dropped on the way"
	case codes.PermissionDenied:
		return "an AuthorizationPolicy (RBAC) or the server refuses the caller"
	case codes.Unauthenticated:
		return "the server, or a RequestAuthentication, wants credentials: give them with --call and --header"
	case codes.Unknown:
		return "the gateway answers with an HTTP error, or the server with an error without a code"
	case codes.Internal:
		return "the answer is no gRPC: something on the way does not speak HTTP/2 to the end, or strips trailers"
	case codes.ResourceExhausted:
		return "a limit of the server, the proxy or the message size is reached"
	default:
		return ""
	}
}

func unavailableMeaning(has func(string) bool) string {
	switch {
	case has("connection refused"):
		return "nothing listens: the gateway has no listener on the port, or its Service does not open it"
	case has("no healthy upstream"):
		return "no pod is ready behind the route"
	case has("protocol error"):
		return "the gateway and the pods do not speak the same protocol: the Service port is not gRPC to Istio"
	case has("tls") || has("certificate") || has("handshake"):
		return "TLS does not come about: one side speaks plaintext, or the certificate is not believed"
	case has("upstream connect error"):
		return "the gateway does not reach the pods: wrong port, or protocol, or a policy in between"
	case has("i/o timeout") || has("deadline exceeded"):
		return "the address does not answer: it is not reachable from here, or a firewall drops the packets"
	case has("no such host"):
		return "the address's name is not known here"
	default:
		return "the connection was refused, closed or never made"
	}
}
