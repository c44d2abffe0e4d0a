package load

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOlder(t *testing.T) {
	for version, want := range map[string]bool{
		"v1.34.9": true, "v1.35.0": false, "v1.35+": false, "v1.34+": true, "1.34-alpha.1f2e3d": true, "1.35-alpha.1f2e3d": false,
		"v2.0.0": false, "latest": false, "": false, "1": false,
	} {
		assert.Equal(t, want, older(version, "1.35"), version)
	}
}
