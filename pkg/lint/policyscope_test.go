package lint

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

const plainServiceWithLimit = `apiVersion: v1
kind: Service
metadata: {name: site, namespace: web}
spec: {selector: {app: site}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: site, namespace: web}
spec: {host: site, trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 1}}}}
`

// TestScopeOfPolicies: policies of plain HTTP are left alone, unless every policy is to be judged.
func TestScopeOfPolicies(t *testing.T) {
	for allScopes, want := range map[bool]int{false: 0, true: 1} {
		snapshot := mesh.New(casetest.Decode(t, "scope", []byte(plainServiceWithLimit)), mesh.Options{Now: casetest.Now})
		report := Run(snapshot, Options{Checks: selected(t, "GX602"), AllScopes: allScopes})
		assert.Len(t, report.Findings, want)
	}
}
