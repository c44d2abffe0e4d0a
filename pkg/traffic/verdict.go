package traffic

import (
	"fmt"
	"math"
)

// Verdict is what the calls have shown.
type Verdict string

// The verdicts.
const (
	// Balanced: the calls of one connection were spread over all ready pods as evenly as chance allows.
	Balanced Verdict = "balanced per request"
	// PerConnection: one pod of several got all calls.
	PerConnection Verdict = "balanced per connection"
	// Partly: some ready pods got none, or the spread is wider than chance.
	Partly Verdict = "partly balanced"
	// Failing: calls failed.
	Failing Verdict = "failing"
	// OnePod: there is but one ready pod, which got all calls.
	OnePod Verdict = "one pod"
	// Answered: all calls succeeded; who answered is not known, or too few calls were made to tell.
	Answered Verdict = "answered"
	// Elsewhere: all calls succeeded, but none of them reached the workload.
	Elsewhere Verdict = "answered by others"
	// NotExposed: there was nowhere to call.
	NotExposed Verdict = "not exposed"
)

// Good says that nothing speaks against the path.
func (v Verdict) Good() bool { return v == Balanced || v == OnePod || v == Answered }

// Share is what one pod got.
type Share struct {
	// Pod is its name, or its address where no ready pod has it.
	Pod   string
	Ready bool
	Calls uint64
}

// Judge gives the verdict, and a clause that says why. shares nil means that nobody knows who answered.
func Judge(result Result, shares []Share) (verdict Verdict, why string) {
	if result.Made == 0 {
		return Failing, "no call was made"
	}
	if failed := result.Failed(); failed > 0 {
		return Failing, fmt.Sprintf("%d of %d calls failed", failed, result.Made)
	}
	counts, others := readyCounts(shares)
	total := sum(counts) + others
	serving := countServing(counts)
	switch {
	case len(shares) == 0:
		return Answered, "all calls succeeded; which pods answered is not known"
	case total == 0:
		return Elsewhere, "all calls succeeded, but no pod of the Service got any: another route, or another gateway, takes them"
	case len(counts) == 1 && others == 0:
		return OnePod, "there is one ready pod, so there is nothing to balance"
	case serving == 1 && others == 0 && chanceOfOnePod(len(counts), total) < unlikely:
		return PerConnection, fmt.Sprintf("one of %d ready pods got all calls", len(counts))
	case serving < len(counts) && chanceOfMissing(len(counts), total) < unlikely:
		return Partly, fmt.Sprintf("%d of %d ready pods served", serving, len(counts))
	case others > 0:
		return Partly, fmt.Sprintf("%d calls went to pods that are not ready, or not this workload's", others)
	case serving < len(counts):
		return Answered, fmt.Sprintf("%d of %d ready pods served; make more calls (--requests) to tell more", serving, len(counts))
	case !evenByChance(counts):
		return Partly, fmt.Sprintf("all %d ready pods served, but the spread is wider than chance", serving)
	default:
		return Balanced, fmt.Sprintf("%d of %d ready pods served, as evenly as chance allows", serving, len(counts))
	}
}

// unlikely is the probability below which something is no accident.
const unlikely = 1e-4

// unlikelyQuantile is the standard normal distribution's at 1-unlikely.
const unlikelyQuantile = 3.719

func readyCounts(shares []Share) (counts []uint64, others uint64) {
	for _, share := range shares {
		if share.Ready {
			counts = append(counts, share.Calls)
		} else {
			others += share.Calls
		}
	}
	return counts, others
}

func sum(counts []uint64) (total uint64) {
	for _, count := range counts {
		total += count
	}
	return total
}

func countServing(counts []uint64) (serving int) {
	for _, count := range counts {
		if count > 0 {
			serving++
		}
	}
	return serving
}

// chanceOfOnePod is how likely it is that all calls meet the same pod by chance.
func chanceOfOnePod(pods int, calls uint64) float64 {
	return math.Pow(float64(pods), 1-float64(calls))
}

// chanceOfMissing bounds how likely it is that some pod gets no call by chance.
func chanceOfMissing(pods int, calls uint64) float64 {
	return float64(pods) * math.Pow(1-1/float64(pods), float64(calls))
}

// evenByChance says that counts like these are no surprise where each call goes to any pod alike: Pearson's chi-squared
// test, with its quantile by Wilson and Hilferty. Envoy's own policies (least request, round robin) spread more evenly than
// that, so they pass.
func evenByChance(counts []uint64) bool {
	expected := float64(sum(counts)) / float64(len(counts))
	statistic := 0.0
	for _, count := range counts {
		statistic += math.Pow(float64(count)-expected, 2) / expected
	}
	freedom := float64(len(counts) - 1)
	quantile := freedom * math.Pow(1-2/(9*freedom)+unlikelyQuantile*math.Sqrt(2/(9*freedom)), 3)
	return statistic <= quantile
}
