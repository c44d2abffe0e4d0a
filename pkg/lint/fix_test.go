package lint

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
)

// TestFixesOfServices looks at the changes that the fixes make; that they help is for TestFixesFix.
func TestFixesOfServices(t *testing.T) {
	for name, want := range map[string][]string{
		"gx201-target-port-not-found": {"GX201 ask .spec.ports[?(@.port==8000)].targetPort: grpc -> api"},
		"gx201-target-port-number-undeclared": {
			"GX201 ask .spec.ports[?(@.port==8000)].targetPort: 50051 -> 9090",
		},
		"target-port-not-found-other-transport": {"GX201 words"},
		"gx301-port-not-grpc":                   {"GX301 safe .spec.ports[?(@.port==8000)].name: http -> grpc"},
		"gx301-unnamed-port":                    {"GX301 safe .spec.ports[?(@.port==8000)].name: <nil> -> grpc"},
		"port-not-grpc-name-taken":              {"GX301 safe .spec.ports[?(@.port==8001)].name: admin -> grpc-admin"},
		"port-not-grpc-in-ingress":              {"GX301 safe .spec.ports[?(@.port==8000)].appProtocol: <nil> -> grpc"},
		"port-not-grpc-app-protocol":            {"GX301 safe .spec.ports[?(@.port==8000)].appProtocol: h2c -> grpc"},
		"port-not-grpc-weak":                    {"GX301 ask .spec.ports[?(@.port==8000)].name: tcp -> grpc"},
		"gx302-app-protocol-http":               {"GX302 safe .spec.ports[?(@.port==8000)].appProtocol: http -> grpc"},
		"gx303-selector-matches-nothing":        {"GX303 ask .spec.selector.app: flights-api -> flights"},
		"selector-matches-nothing-two-near":     {"GX303 words"},
		"gx308-node-port":                       {"GX308 ask .spec.type: NodePort -> ClusterIP", "GX308 ask .spec.ports[?(@.port==8000)].nodePort: 30878 -> <nil>"},
		"direct-load-balancer-internal": {
			"GX308 ask .spec.type: LoadBalancer -> ClusterIP",
			"GX308 ask .spec.externalTrafficPolicy: Local -> <nil>",
			"GX308 ask .spec.healthCheckNodePort: 32000 -> <nil>",
			"GX308 ask .spec.loadBalancerSourceRanges: [192.0.2.0/24] -> <nil>",
			"GX308 ask .spec.ports[?(@.port==8000)].nodePort: 30080 -> <nil>",
		},
		"port-not-tcp-sctp":   {"GX309 safe .spec.ports[0].protocol: SCTP -> TCP"},
		"port-not-tcp-in-use": {"GX309 words"},
	} {
		t.Run(name, func(t *testing.T) {
			cases := casetest.All(t)
			at := slices.IndexFunc(cases, func(c casetest.Case) bool { return c.Name == name })
			var got []string
			for _, finding := range Run(cases[at].Snapshot(t, nil), Options{}).Findings {
				if finding.Level.AtLeast(checks.Warning) || finding.ID == "GX201" {
					got = append(got, fixText(finding)...)
				}
			}
			assert.Equal(t, want, got)
		})
	}
}

// fixText is a line for each field that a fix changes.
func fixText(finding checks.Finding) []string {
	prefix := fmt.Sprintf("%s %s", finding.ID, finding.Fix.Level)
	var lines []string
	for _, change := range finding.Fix.Changes {
		for _, edit := range change.Edits {
			lines = append(lines, fmt.Sprintf("%s %s: %v -> %v", prefix, edit.Path, edit.Old, edit.New))
		}
	}
	if len(lines) == 0 {
		return []string{prefix}
	}
	return lines
}
