package expose

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"greeter", "greeter", 0},
		{"greeter", "greter", 1},
		{"greeter", "greeters", 1},
		{"greeter", "greater", 1},
		{"greeter", "rgeeter", 2},
		{"kitten", "sitting", 3},
		{"flaw", "lawn", 2},
		{"payments-v1", "orders", 9},
	} {
		assert.Equal(t, test.want, distance(test.a, test.b), "%q and %q", test.a, test.b)
		assert.Equal(t, test.want, distance(test.b, test.a), "%q and %q", test.b, test.a)
	}
}
