package mesh

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/types"
)

// TestWhatIsReadByNameIsKnownByName holds that of a kind that is read by name only what was named is known.
func TestWhatIsReadByNameIsKnownByName(t *testing.T) {
	s := New(nil, Options{Gaps: []Gap{{Kind: KindSecret, ByName: true, Named: []types.NamespacedName{{Namespace: "edge", Name: "cert"}}, Reason: "not read"}}})
	for name, test := range map[string]struct {
		kind            Kind
		namespace, name string
		unknown         bool
	}{
		"named":             {KindSecret, "edge", "cert", false},
		"another name":      {KindSecret, "edge", "other", true},
		"another namespace": {KindSecret, "third", "cert", true},
		"all":               {KindSecret, "", "", false},
		"another kind":      {KindService, "third", "cert", false},
	} {
		_, unknown := s.Unknown(test.kind, test.namespace, test.name)
		assert.Equal(t, test.unknown, unknown, name)
	}
}
