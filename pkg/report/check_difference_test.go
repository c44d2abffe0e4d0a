package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
)

func TestCheckDifferenceShowsWholeObjects(t *testing.T) {
	check := &checks.Check{
		Bad: `kind: Namespace
metadata: {name: demo}
---
kind: Service
metadata: {name: greeter}
spec:
  selector: {app: greeter}
  type: ClusterIP
  sessionAffinity: None
  ports: [{name: http}]
---
kind: Deployment
---
kind: Gateway
`,
		Good: `kind: Namespace
metadata: {name: demo}
---
kind: Service
metadata: {name: greeter}
spec:
  selector: {app: greeter}
  type: ClusterIP
  sessionAffinity: None
  ports: [{name: grpc}]
---
kind: Deployment
---
kind: Gateway
---
kind: VirtualService
`,
	}
	assert.Equal(t, ` kind: Service
 metadata: {name: greeter}
 spec:
   selector: {app: greeter}
   type: ClusterIP
   sessionAffinity: None
-  ports: [{name: http}]
+  ports: [{name: grpc}]
 ---
+kind: VirtualService`, strings.Join(CheckDifference(check), "\n"))
}

// TestCheckDifferencesAreShort holds that a reader need not compare two manifests: each difference names its object and is
// shorter than the faulty manifest alone.
func TestCheckDifferencesAreShort(t *testing.T) {
	for _, check := range lint.All() {
		difference := CheckDifference(check)
		assert.NotEmpty(t, difference, check.ID)
		assert.LessOrEqual(t, len(difference), strings.Count(check.Bad, "\n")+1, check.ID)
		text := strings.Join(difference, "\n")
		assert.Contains(t, text, "kind: ", check.ID)
		assert.NotContains(t, text, "@@", check.ID)
	}
}
