package binaries

import (
	"fmt"
	"time"
)

// cost is what a product takes with an empty Go build cache, after those before it in the list: seconds of processor time,
// measured, and packages to compile. Builds use two cores well, so that half of the seconds pass.
type cost struct {
	seconds  float64
	packages int
}

// cores is how many the seconds are shared among where nothing was measured yet. Machines with more use more, and then the
// estimate follows them.
const cores = 2

// estimate says how long a number of builds still take. It begins with the costs as measured once, and goes over to how fast
// this machine gets on with them.
type estimate struct {
	total, done float64
}

func newEstimate(missing []product) *estimate {
	e := &estimate{}
	for _, product := range missing {
		e.total += product.cost.seconds
	}
	return e
}

// left is for when elapsed has passed since the first build began, and the present one has compiled some packages.
func (e *estimate) left(elapsed time.Duration, present cost, packages int) time.Duration {
	done := e.done + present.seconds*min(1, float64(packages)/float64(max(1, present.packages)))
	// Until a thirtieth is done, what was measured elsewhere says more.
	const trust = 1.0 / 30
	perSecond := time.Second / cores
	if done > trust*e.total {
		perSecond = time.Duration(float64(elapsed) / done)
	}
	return time.Duration((e.total - done) * float64(perSecond))
}

// finish counts a build as done.
func (e *estimate) finish(present cost) { e.done += present.seconds }

// roughly is a time as people say it who do not know it exactly.
func roughly(d time.Duration) string {
	if d < time.Minute {
		return "less than a minute"
	}
	return fmt.Sprintf("about %d min", int((d + time.Minute/2).Minutes()))
}
