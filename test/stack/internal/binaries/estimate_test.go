package binaries

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestEstimate(t *testing.T) {
	small, large := product{cost: cost{20, 100}}, product{cost: cost{180, 1000}}
	e := newEstimate([]product{small, large})
	assert.Equal(t, 100*time.Second, e.left(0, small.cost, 0), "two cores")
	assert.Equal(t, 97500*time.Millisecond, e.left(40*time.Second, small.cost, 25), "not enough is done to judge this machine by")
	e.finish(small.cost)
	assert.Equal(t, 4*time.Minute+40*time.Second, e.left(2*time.Minute, large.cost, 222).Round(10*time.Second), "a slower machine")
	assert.Equal(t, time.Duration(0), e.left(5*time.Minute, large.cost, 1200), "more packages than expected")
}

func TestRoughly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		20 * time.Second: "less than a minute", time.Minute: "about 1 min", 100 * time.Second: "about 2 min", 17*time.Minute + 10*time.Second: "about 17 min",
	} {
		assert.Equal(t, want, roughly(d))
	}
}
