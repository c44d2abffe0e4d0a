package cluster

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster/wire"
)

// request says what is asked of the API server, for the error that may come of it.
type request struct {
	permission Permission
	// object names the one object that is meant, empty for a list.
	object string
	// limit is how long it was given.
	limit time.Duration
	// version is the one of the object that a write starts from.
	version string
}

var gerunds = map[string]string{
	"get": "reading", "list": "listing", "watch": "watching", "create": "creating", "patch": "changing", "delete": "deleting",
}

// doing is the request as a clause with -ing: "listing services in namespace test", "changing Service test/server".
func (r request) doing() string {
	gerund := gerunds[r.permission.Verb]
	if r.object != "" {
		return gerund + " " + r.object
	}
	return gerund + strings.TrimPrefix(r.permission.String(), r.permission.Verb)
}

// named is what messages call the object of the request.
func (r request) named() string {
	if r.object != "" {
		return r.object
	}
	return strings.TrimPrefix(r.permission.String(), r.permission.Verb+" ")
}

// failure turns what came of a request into an error of this package. The context's own end is given back as it is.
func (c *Client) failure(ctx context.Context, r request, err error) error {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), context.Canceled):
		return context.Canceled
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Timeout{Doing: r.doing()}
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &status):
		return c.statusFailure(r, status.Status())
	default:
		return c.connectionFailure(r, err)
	}
}

// statusFailure judges an answer of the API server.
func (c *Client) statusFailure(r request, status metav1.Status) error {
	if refused := refusal(r, status.Message); refused != nil {
		return refused
	}
	if status.Details != nil && slices.ContainsFunc(status.Details.Causes, isPlainHTTP) {
		return &Unreachable{Server: c.server, Cause: "it speaks HTTPS", Next: "write https:// in the kubeconfig's cluster entry"}
	}
	switch status.Reason {
	case metav1.StatusReasonUnauthorized:
		return &Unauthorized{Server: c.server, Cause: cmp.Or(status.Message, "401")}
	case metav1.StatusReasonForbidden:
		if status.Details != nil && slices.ContainsFunc(status.Details.Causes, isTerminating) {
			return &NamespaceTerminating{Object: r.named(), Namespace: r.permission.Namespace}
		}
		return forbidden(r, status)
	case metav1.StatusReasonNotFound:
		if isNoAPIServer(r, status) {
			return &Unreachable{Server: c.server, Cause: "it does not answer as an API server does", Next: "check the server's URL in the kubeconfig's cluster entry"}
		}
		return notFound(r, status)
	case metav1.StatusReasonAlreadyExists:
		return &AlreadyExists{Object: r.named()}
	case metav1.StatusReasonConflict:
		return &Modified{Object: r.named(), Detail: status.Message, raced: true, version: r.version}
	case metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest:
		return invalid(r, status)
	case metav1.StatusReasonTimeout, metav1.StatusReasonServerTimeout:
		return &Timeout{Doing: r.doing(), Explanation: status.Message}
	case metav1.StatusReasonTooManyRequests:
		return &ServerFailure{Server: c.server, Doing: r.doing(), Message: "it has too many requests"}
	default:
		return &ServerFailure{Server: c.server, Doing: r.doing(), Message: status.Message}
	}
}

func forbidden(r request, status metav1.Status) error {
	found := userCannot.FindStringSubmatch(status.Message)
	if found == nil {
		_, reason, _ := strings.Cut(status.Message, "is forbidden: ")
		return &Refused{Object: r.named(), By: "the API server", Message: cmp.Or(reason, status.Message)}
	}
	// Server-side apply of an object that is not there asks for create beside patch.
	permission := r.permission
	permission.Verb, permission.Resource, permission.Group = found[1], found[2], found[3]
	if permission.Verb == "create" {
		permission.Name = ""
	}
	return &Forbidden{Missing: []Permission{permission}}
}

// notFound tells an object that is not there from a resource that the server does not have: its answer then names no object.
func notFound(r request, status metav1.Status) error {
	details := status.Details
	if r.permission.Name == "" || details == nil || slices.ContainsFunc(details.Causes, isUnexpectedResponse) {
		return &NotServed{CRD: r.permission.Resource + "." + r.permission.Group}
	}
	if details.Kind == "namespaces" && r.permission.Resource != "namespaces" {
		return &NotFound{Object: "Namespace " + details.Name}
	}
	return &NotFound{Object: r.named()}
}

// isTerminating knows why nothing new is let into a namespace. Source: k8s.io/apiserver,
// pkg/admission/plugin/namespace/lifecycle/admission.go (Admit).
func isTerminating(cause metav1.StatusCause) bool {
	return cause.Type == core.NamespaceTerminatingCause
}

// isNoAPIServer knows the answer of some other web server: every API server has the built-in kinds.
func isNoAPIServer(r request, status metav1.Status) bool {
	return wire.BuiltIn().IsGroupRegistered(r.permission.Group) && status.Details != nil && slices.ContainsFunc(status.Details.Causes, isUnexpectedResponse)
}

func isUnexpectedResponse(cause metav1.StatusCause) bool {
	return cause.Type == metav1.CauseTypeUnexpectedServerResponse
}

// isPlainHTTP knows the answer of a TLS server that was not spoken to in TLS. Source: net/http, server.go (conn.serve).
func isPlainHTTP(cause metav1.StatusCause) bool {
	return isUnexpectedResponse(cause) && strings.Contains(cause.Message, "HTTP request to an HTTPS server")
}

func invalid(r request, status metav1.Status) error {
	// A JSON patch that does not fit the object is answered with this sentence alone.
	// Source: k8s.io/apiserver, pkg/endpoints/handlers/patch.go (applyJSPatch).
	if status.Message == "the server rejected our request due to an error in our request" {
		return &Modified{Object: r.named(), Detail: "its fields are no longer as they were", raced: true, version: r.version}
	}
	var causes []string
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			if cause.Field == "" {
				causes = append(causes, cause.Message)
			} else {
				causes = append(causes, cause.Field+": "+cause.Message)
			}
		}
	}
	if len(causes) == 0 {
		causes = []string{status.Message}
	}
	return &Invalid{Object: r.named(), Causes: causes}
}

// connectionFailure judges an error that is no answer of the API server.
func (c *Client) connectionFailure(r request, err error) error {
	unreachable := &Unreachable{
		Server: c.server, Cause: rootCause(err),
		Next: "check that the cluster runs and that the kubeconfig context is the right one",
	}
	var (
		network    net.Error
		opError    *net.OpError
		dns        *net.DNSError
		untrusted  *tls.CertificateVerificationError
		authority  x509.UnknownAuthorityError
		recordKind tls.RecordHeaderError
	)
	switch {
	case strings.Contains(err.Error(), "getting credentials"):
		return &Unauthorized{Server: c.server, Cause: rootCause(err)}
	case errors.As(err, &untrusted), errors.As(err, &authority):
		unreachable.Next = "check certificate-authority in the kubeconfig's cluster entry"
	case errors.As(err, &recordKind), errors.Is(err, http.ErrSchemeMismatch):
		unreachable.Cause, unreachable.Next = "it does not speak TLS", "check the server's URL in the kubeconfig's cluster entry"
	case errors.As(err, &dns):
		unreachable.Cause, unreachable.Next = "there is no address for "+dns.Name, "check the server's URL in the kubeconfig's cluster entry, and the network"
	case errors.As(err, &opError) && opError.Op == "dial" && opError.Timeout():
		unreachable.Cause = "no answer to a connection within " + dialTimeout.String()
		unreachable.Next = "check the network (VPN, firewall) and the kubeconfig context"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return &Timeout{Doing: r.doing(), After: r.limit}
	}
	return unreachable
}

// rootCause is an error's text without the URL and the request that Go puts in front of it.
func rootCause(err error) string {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		err = urlError.Err
	}
	var opError *net.OpError
	if errors.As(err, &opError) && opError.Op == "dial" {
		return strings.TrimPrefix(opError.Err.Error(), "connect: ")
	}
	return err.Error()
}
