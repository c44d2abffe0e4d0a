package verify

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
)

// credentialWords are parts of names under which credentials travel, credentialSchemes how their values begin.
var (
	credentialWords = []string{
		"auth", "cookie", "token", "secret", "passw", "credential", "session", "jwt", "assertion", "signature",
		"api-key", "apikey", "api_key", "access-key", "accesskey", "access_key",
	}
	credentialSchemes = []string{"bearer ", "basic ", "digest ", "negotiate ", "eyj"}
)

// isCredential reports whether a header looks as if whoever has it could use it. The name is in lower case.
func isCredential(name, value string) bool {
	value = strings.ToLower(value)
	return slices.ContainsFunc(credentialWords, func(word string) bool { return strings.Contains(name, word) }) ||
		slices.ContainsFunc(credentialSchemes, func(scheme string) bool { return strings.HasPrefix(value, scheme) })
}

// credentials are the names of the headers that look like some and would be sent.
func (t Trial) credentials() []string {
	if t.Wish.Method == "" {
		return nil
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t.Headers)), func(name string) bool {
		return !slices.ContainsFunc(t.Headers.Get(name), func(value string) bool { return isCredential(name, value) })
	})
}

// checkCredentials refuses to send credentials where they may be read, or to somebody else. The objects of the cluster decide where calls
// go and whether in TLS, and others than the workload's owner write some of them; what the user types counts always: --tls=false
// is grpcurl's -plaintext. forwarded is for calls through a port-forward of this program's, to a pod of the entrance's gateway.
func (v *verifier) checkCredentials(target traffic.Target, forwarded bool) error {
	names := v.trial.credentials()
	if len(names) == 0 || v.trial.TLS != nil && !*v.trial.TLS {
		return nil
	}
	trusted := v.entrance == nil || v.entrance.Trusted
	typed := v.trial.Address != ""
	next := "name the gateway with --gateway-workload if it is the right one, or leave the header out"
	switch {
	case typed && (target.TLS != nil || isLoopback(v.trial.Address)):
		return nil
	case !typed && target.TLS != nil && (trusted || v.trial.Authority != "" && !target.TLS.InsecureSkipVerify):
		return nil
	case !typed && forwarded && trusted:
		return nil
	case target.TLS == nil:
		next = "call through TLS with --tls, or say --tls=false if it may be read on its way"
		if !trusted {
			next += "; name the gateway with --gateway-workload first if it is the right one"
		}
	}
	return fmt.Errorf("--header %s looks like a credential, and is not sent %s: %s", strings.Join(names, ", "), v.whereTo(target), next)
}

// whereTo says what speaks against a target.
func (v *verifier) whereTo(target traffic.Target) string {
	where := "to " + target.Address
	if target.TLS == nil {
		where = "in plaintext " + where
	}
	if v.entrance != nil && !v.entrance.Trusted {
		where += fmt.Sprintf(" (%s, by the word of %s)", v.entrance.Gateway(), mesh.KeyOf(v.entrance.Route.VirtualService))
	}
	return where
}

// isLoopback reports whether an address, host:port, is this machine's own.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
