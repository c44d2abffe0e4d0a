package dataplane

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// fault is a way in which an exposed workload breaks.
type fault struct {
	// breaks does it; the code and the check are what a client and lint see of it.
	breaks func(s *scene)
	code   codes.Code
	check  string
	// call is how the client calls; nil for the Greeter over plaintext.
	call func(s *scene) error
	// fix are the flags with which lint repairs it; none where it takes a decision, and then repair is what is decided.
	fix    []string
	repair func(s *scene)
	// verdict is what verify says, where its own calls fail as well.
	verdict string
}

var (
	safeFix  = []string{"--fix"}
	allFixes = []string{"--fix=all", "--yes"}
)

var faults = map[string]fault{
	"port named http": {
		breaks: func(s *scene) {
			s.patch("service/server", `[{"op": "replace", "path": "/spec/ports/0/name", "value": "http"}]`)
		},
		code: codes.Unavailable, check: "GX301", fix: safeFix, verdict: "failing",
	},
	"port not open": {
		breaks: func(s *scene) { s.gatewayPorts(`{"op": "remove", "path": "/spec/ports/3"}`) },
		code:   codes.Unavailable, check: "GX403", verdict: "failing",
		repair: func(s *scene) {
			s.gatewayPorts(`{"op": "add", "path": "/spec/ports/-", "value": {"name": "grpc-8000", "port": 8000, "targetPort": 8000}}`)
		},
	},
	"target port wrong": {
		breaks: func(s *scene) {
			s.patch("service/server", `[{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 50052}]`)
		},
		code: codes.Unavailable, check: "GX201", verdict: "failing",
		repair: func(s *scene) {
			s.patch("service/server", `[{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 50051}]`)
		},
	},
	"host that the Gateway does not serve": {
		breaks: func(s *scene) {
			s.patch("gateways.networking.istio.io/server", `[{"op": "replace", "path": "/spec/servers/0/hosts", "value": ["a.example.com"]}]`)
			s.patch("virtualservice/server", `[{"op": "replace", "path": "/spec/hosts", "value": ["b.example.com"]}]`)
		},
		code: codes.Unimplemented, check: "GX502",
		repair: func(s *scene) {
			s.patch("gateways.networking.istio.io/server", `[{"op": "replace", "path": "/spec/servers/0/hosts", "value": ["*"]}]`)
			s.patch("virtualservice/server", `[{"op": "replace", "path": "/spec/hosts", "value": ["*"]}]`)
		},
	},
	"route shadowed": {
		breaks: func(s *scene) {
			s.given(deployment("first", healthContainer))
			s.given(service("first"))
			s.kubectl("rollout", "status", "deployment/first", "--timeout=60s")
			route := s.withoutServerFields("virtualservice/server")
			s.kubectl("delete", "virtualservice", "server")
			s.given(catchAll("first", "first"))
			time.Sleep(1100 * time.Millisecond) // ages are in seconds
			s.given(route)
		},
		code: codes.Unimplemented, check: "GX507",
		repair: func(s *scene) { s.kubectl("delete", "virtualservice", "first") },
	},
	"server dropped": {
		breaks: func(s *scene) {
			gateway, route := s.withoutServerFields("gateways.networking.istio.io/server"), s.withoutServerFields("virtualservice/server")
			s.kubectl("delete", "gateways.networking.istio.io/server", "virtualservice/server")
			s.given(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: older, namespace: test}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8000, name: tcp, protocol: TCP}, hosts: ['*']}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: older, namespace: test}
spec:
  gateways: [older]
  hosts: ['*']
  tcp: [{route: [{destination: {host: nobody.test.svc.cluster.local, port: {number: 1}}}]}]
`)
			time.Sleep(1100 * time.Millisecond)
			s.given(gateway)
			s.given(route)
		},
		code: codes.Unavailable, check: "GX406", verdict: "not exposed",
		repair: func(s *scene) { s.kubectl("delete", "gateways.networking.istio.io/older", "virtualservice/older") },
	},
	"TLS without its Secret": {
		breaks: func(s *scene) {
			s.patch("gateways.networking.istio.io/server", `[{"op": "replace", "path": "/spec/servers/0", "value":
				{"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": ["*"], "tls": {"mode": "SIMPLE", "credentialName": "test-missing"}}}]`)
		},
		code: codes.Unavailable, check: "GX411", verdict: "failing",
		call: func(s *scene) error {
			_, err := greet(s.Context(), s.dial(443, over(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}))))
			return err
		},
	},
	"no pod": {
		breaks: func(s *scene) { s.kubectl("scale", "deployment/server", "--replicas=0") },
		code:   codes.Unavailable, check: "GX202", verdict: "failing",
		repair: func(s *scene) { s.kubectl("scale", "deployment/server", "--replicas=3") },
	},
	"timeout in the middle of a stream": {
		breaks: shortTimeout, code: codes.Internal, check: "GX509", fix: allFixes,
		call: func(s *scene) error { return longStream(s, 0) },
	},
	"timeout before the first answer of a stream": {
		breaks: shortTimeout, code: codes.Unavailable, check: "GX509", fix: allFixes,
		call: func(s *scene) error { return longStream(s, 2*time.Second) },
	},
}

func shortTimeout(s *scene) {
	s.patch("virtualservice/server", `[{"op": "add", "path": "/spec/http/0/timeout", "value": "1s"}]`)
}

// longStream takes two seconds more than it takes to the first answer.
func longStream(s *scene, first time.Duration) error {
	ctx, cancel := context.WithTimeout(s.Context(), callTimeout)
	defer cancel()
	stream, err := grpc_testing.NewTestServiceClient(s.dial(8000)).StreamingOutputCall(ctx, &grpc_testing.StreamingOutputCallRequest{
		ResponseParameters: []*grpc_testing.ResponseParameters{{Size: 1, IntervalUs: int32(first.Microseconds())}, {Size: 1, IntervalUs: 2_000_000}},
	})
	for err == nil {
		_, err = stream.Recv()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// TestFaults holds for each family of faults that the client gets the code that lint predicts, that verify shows it with the
// finding that explains it, and that calls arrive again once lint, or whoever has to decide, has repaired it.
func TestFaults(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			s := on(t)
			s.create("--verify")
			call := fault.call
			if call == nil {
				connection := s.dial(8000)
				call = func(s *scene) error {
					_, err := greet(s.Context(), connection)
					return err
				}
			}
			if fault.repair != nil {
				t.Cleanup(func() {
					if t.Failed() {
						fault.repair(s)
					}
				})
			}
			fault.breaks(s)
			s.awaitCode(fault.code, call)
			symptom := s.symptom(fault.check)
			assert.Contains(t, symptom, codeName(fault.code), "%s predicts", fault.check)
			if fault.verdict != "" {
				said := s.verify(1)
				assert.Equal(t, fault.verdict, said.Verdict)
				for _, failure := range said.Failures {
					assert.Equal(t, codeName(fault.code), failure.Code)
					assert.NotEmpty(t, failure.Meaning)
				}
				ids := []string{}
				for _, finding := range said.Findings {
					ids = append(ids, finding.ID)
				}
				assert.Contains(t, ids, fault.check)
			}
			switch {
			case fault.fix != nil:
				s.run(append([]string{"lint", "deployment/server"}, fault.fix...)...).exits(0)
			case fault.repair != nil:
				fault.repair(s)
			default:
				return
			}
			s.awaitCode(codes.OK, call)
			if fault.verdict != "" {
				s.verified("balanced per request")
			}
		})
	}
}

// awaitCode waits until a call gives the code.
func (s *scene) awaitCode(code codes.Code, call func(*scene) error) {
	s.Helper()
	require.EventuallyWithT(s, func(c *assert.CollectT) {
		err := call(s)
		require.Equal(c, code, status.Code(err), "%v", err)
	}, patience, 200*time.Millisecond)
}

// symptom is what the finding of a check says that a client sees.
func (s *scene) symptom(check string) string {
	s.Helper()
	got := s.run("lint", "deployment/server", "-o", "json")
	var report struct {
		Findings []struct{ ID, Symptom string }
	}
	require.NoError(s, json.Unmarshal([]byte(got.stdout), &report), got.stderr)
	for _, finding := range report.Findings {
		if finding.ID == check {
			return finding.Symptom
		}
	}
	require.Fail(s, "lint does not find "+check, got.stdout)
	return ""
}

// codeName is a code as gRPC's documents write it.
func codeName(code codes.Code) string {
	return strings.ToUpper(strings.TrimPrefix(regexp.MustCompile(`[A-Z]`).ReplaceAllString(code.String(), "_$0"), "_"))
}

// gatewayPorts patches the gateway's Service.
func (s *scene) gatewayPorts(change string) {
	s.Helper()
	_, err := s.Kubectl(context.Background(), "patch", "service", gatewayService, "-n", gatewayNamespace, "--type=json", "-p", "["+change+"]")
	require.NoError(s, err)
}

// withoutServerFields is an object as one would have written it.
func (s *scene) withoutServerFields(object string) string {
	s.Helper()
	var full struct {
		APIVersion string         `json:"apiVersion"`
		Kind       string         `json:"kind"`
		Metadata   map[string]any `json:"metadata"`
		Spec       map[string]any `json:"spec"`
	}
	require.NoError(s, json.Unmarshal([]byte(s.kubectl("get", object, "-o", "json")), &full))
	full.Metadata = map[string]any{"name": full.Metadata["name"], "namespace": full.Metadata["namespace"]}
	text, err := json.Marshal(full)
	require.NoError(s, err)
	return string(text)
}

func service(name string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %[1]s, namespace: test}
spec: {selector: {app: %[1]s}, ports: [{name: grpc, port: 8000, targetPort: 50051}]}
`, name)
}

// catchAll is a route of the Gateway that create has made, for all calls.
func catchAll(name, to string) string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: %s, namespace: test}
spec:
  gateways: [server]
  hosts: ['*']
  http: [{route: [{destination: {host: %s.test.svc.cluster.local, port: {number: 8000}}}]}]
`, name, to)
}
