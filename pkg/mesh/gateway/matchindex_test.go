package gateway

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMatchIndex(t *testing.T) {
	type policy struct {
		name, namespace string
		wanted          map[string]string
	}
	index := NewMatchIndex([]policy{
		{"orders", "shop", map[string]string{"app": "orders", "tier": "back"}},
		{"all", "shop", nil},
		{"back", "shop", map[string]string{"tier": "back"}},
		{"carts", "shop", map[string]string{"app": "carts", "tier": "back"}},
		{"elsewhere", "bank", map[string]string{"app": "orders"}},
	}, func(p policy) (string, map[string]string) { return p.namespace, p.wanted })
	tests := map[string]struct {
		labels map[string]string
		want   []string
	}{
		"all labels":      {map[string]string{"app": "orders", "tier": "back", "version": "v1"}, []string{"orders", "all", "back"}},
		"one of two":      {map[string]string{"app": "orders"}, []string{"all"}},
		"another's value": {map[string]string{"app": "carts", "tier": "front"}, []string{"all"}},
		"no labels":       {nil, []string{"all"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var names []string
			for _, selecting := range index.Selecting("shop", test.labels) {
				names = append(names, selecting.name)
			}
			assert.Equal(t, test.want, names)
		})
	}
}
