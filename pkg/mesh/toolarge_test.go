package mesh

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTooLarge: an object whose lists are longer than any that people write is not read, like one that may not be read.
func TestTooLarge(t *testing.T) {
	service := func(ports int) Sourced {
		list := make([]string, 0, ports)
		for i := range ports {
			list = append(list, fmt.Sprintf(`{"name":"p%[1]d","port":%[1]d}`, i+1))
		}
		object, ok, err := Decode(fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Service","metadata":{"name":"many","namespace":"shop"},"spec":{"ports":[%s]}}`, strings.Join(list, ",")))
		require.NoError(t, err)
		require.True(t, ok)
		return Sourced{Object: object}
	}
	read := New([]Sourced{service(mostElements)}, Options{})
	assert.Empty(t, read.TooLarge())
	assert.Len(t, read.Services().All(), 1)

	left := New([]Sourced{service(mostElements + 1)}, Options{})
	assert.Equal(t, []string{"Service shop/many has 2001 ports, and one with more than 2000 is not read"}, left.TooLarge())
	assert.Empty(t, left.Services().All())
	reason, unknown := left.Unknown(KindService, "shop", "many")
	assert.True(t, unknown)
	assert.Equal(t, left.TooLarge()[0], reason)
	_, unknown = left.Unknown(KindService, "shop", "other")
	assert.False(t, unknown)
	assert.Equal(t, left.TooLarge(), left.With(Change{}).TooLarge(), "it stays left out")
}
