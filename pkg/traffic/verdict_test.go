package traffic

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"google.golang.org/grpc/codes"
)

// succeeded is a run of calls without a failure.
func succeeded(calls int) Result {
	return Result{Made: calls, Latencies: make([]time.Duration, calls)}
}

// ready are the shares of ready pods.
func ready(calls ...uint64) []Share {
	shares := make([]Share, len(calls))
	for i, count := range calls {
		shares[i] = Share{Pod: string(rune('a' + i)), Ready: true, Calls: count}
	}
	return shares
}

func TestJudge(t *testing.T) {
	failed := Result{Made: 10, Latencies: make([]time.Duration, 7), Failures: []Failure{{Code: codes.Unavailable, Count: 3}}}
	tests := map[string]struct {
		result  Result
		shares  []Share
		verdict Verdict
		why     string
	}{
		"even":          {succeeded(200), ready(68, 66, 66), Balanced, "3 of 3 ready pods served, as evenly as chance allows"},
		"as chance is":  {succeeded(200), ready(80, 52, 68), Balanced, "3 of 3 ready pods served, as evenly as chance allows"},
		"wide":          {succeeded(200), ready(120, 40, 40), Partly, "all 3 ready pods served, but the spread is wider than chance"},
		"one missing":   {succeeded(200), ready(100, 100, 0), Partly, "2 of 3 ready pods served"},
		"one of three":  {succeeded(200), ready(0, 200, 0), PerConnection, "one of 3 ready pods got all calls"},
		"one of two":    {succeeded(20), ready(20, 0), PerConnection, "one of 2 ready pods got all calls"},
		"one pod":       {succeeded(200), ready(200), OnePod, "there is one ready pod, so there is nothing to balance"},
		"failures":      {failed, ready(3, 3), Failing, "3 of 10 calls failed"},
		"no call":       {Result{}, nil, Failing, "no call was made"},
		"nobody counts": {succeeded(200), nil, Answered, "all calls succeeded; which pods answered is not known"},
		"others": {
			succeeded(200), ready(0, 0), Elsewhere, "all calls succeeded, but no pod of the Service got any: another route, or another gateway, takes them",
		},
		"too few to tell": {
			succeeded(5), ready(5, 0), Answered, "1 of 2 ready pods served; make more calls (--requests) to tell more",
		},
		"few for many pods": {
			succeeded(20), ready(1, 2, 3, 0, 2, 1, 4, 3, 4, 0), Answered, "8 of 10 ready pods served; make more calls (--requests) to tell more",
		},
		"somebody else's": {
			succeeded(200), append(ready(90, 90), Share{Pod: "10.0.0.9:50051", Calls: 20}), Partly,
			"20 calls went to pods that are not ready, or not this workload's",
		},
		"not ready alone": {
			succeeded(200), []Share{{Pod: "a", Calls: 200}}, Partly, "200 calls went to pods that are not ready, or not this workload's",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			verdict, why := Judge(test.result, test.shares)
			assert.Equal(t, test.verdict, verdict)
			assert.Equal(t, test.why, why)
		})
	}
}

func TestGoodVerdicts(t *testing.T) {
	for verdict, good := range map[Verdict]bool{
		Balanced: true, OnePod: true, Answered: true,
		PerConnection: false, Partly: false, Failing: false, Elsewhere: false, NotExposed: false,
	} {
		assert.Equal(t, good, verdict.Good(), verdict)
	}
}

// TestChance holds that calls spread by dice are found balanced, but for one run in ten thousand or so, and calls of which
// one pod gets twice its part are not.
func TestChance(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	for _, pods := range []int{2, 3, 10} {
		wrong, missed := 0, 0
		const rounds = 5000
		for range rounds {
			fair, loaded := make([]uint64, pods), make([]uint64, pods)
			for range 300 {
				fair[dice.IntN(pods)]++
				loaded[max(0, dice.IntN(pods+1)-1)]++ // the first pod twice as often
			}
			if verdict, _ := Judge(succeeded(300), ready(fair...)); verdict != Balanced {
				wrong++
			}
			if verdict, _ := Judge(succeeded(300), ready(loaded...)); verdict == Balanced {
				missed++
			}
		}
		assert.LessOrEqual(t, wrong, 5, "%d pods", pods)
		if pods <= 3 {
			assert.Less(t, missed, rounds/20, "%d pods", pods)
		}
	}
}
