package traffic

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// hopeless is after how many failures, without any success, no more calls are made.
const hopeless = 20

// Options bound a run.
type Options struct {
	// Requests is how many calls are made, Concurrency how many of them at the same time.
	Requests, Concurrency int
	// Rate is how many are begun in a second at most; 0 for no limit.
	Rate float64
	// CallTimeout bounds each call.
	CallTimeout time.Duration
	// Progress is told how many calls are over, from one goroutine at a time; nil for nobody.
	Progress func(over int)
}

// Result is what came of the calls.
type Result struct {
	// Made is how many calls were made. It is less than what was asked for where time was up, or where all calls failed.
	Made int
	// Elapsed is from the first call's beginning to the last one's end.
	Elapsed time.Duration
	// Latencies are those of the calls that succeeded, in increasing order.
	Latencies []time.Duration
	// Failures are by code, the most frequent first.
	Failures []Failure
}

// Failure is what calls with the same gRPC code had in common.
type Failure struct {
	Code  codes.Code
	Count int
	// Message is that of the first one; it may be empty.
	Message string
}

// Failed is how many calls failed.
func (r Result) Failed() int { return r.Made - len(r.Latencies) }

// Run makes the calls. When ctx ends, no call is begun any more, and those under way are over.
func Run(ctx context.Context, c *Connection, call Call, options Options) Result {
	r := &run{options: options, failures: map[codes.Code]*Failure{}, limiter: rate.NewLimiter(rate.Inf, 1)}
	if options.Rate > 0 {
		r.limiter.SetLimit(rate.Limit(options.Rate))
	}
	begun := time.Now()
	var workers sync.WaitGroup
	for range min(options.Concurrency, options.Requests) {
		workers.Go(func() {
			for r.next(ctx) {
				r.record(timed(ctx, c, call, options.CallTimeout))
			}
		})
	}
	workers.Wait()
	return r.result(time.Since(begun))
}

// timed makes one call and measures it.
func timed(ctx context.Context, c *Connection, call Call, timeout time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	begun := time.Now()
	err := call.make(ctx, c)
	return time.Since(begun), err
}

type run struct {
	options Options
	limiter *rate.Limiter

	mutex     sync.Mutex
	begun     int
	latencies []time.Duration
	failures  map[codes.Code]*Failure
	failed    int
}

// next waits for the turn of another call; false says that there is none.
func (r *run) next(ctx context.Context) bool {
	if !r.take() {
		return false
	}
	if r.limiter.Wait(ctx) == nil && ctx.Err() == nil {
		return true
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.begun--
	return false
}

func (r *run) take() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.begun >= r.options.Requests || len(r.latencies) == 0 && r.failed >= hopeless {
		return false
	}
	r.begun++
	return true
}

func (r *run) record(latency time.Duration, err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if err == nil {
		r.latencies = append(r.latencies, latency)
	} else {
		r.failed++
		failure := status.Convert(err)
		code := knownCode(failure.Code())
		if r.failures[code] == nil {
			r.failures[code] = &Failure{Code: code, Message: shortened(failure.Message())}
		}
		r.failures[code].Count++
	}
	if r.options.Progress != nil {
		r.options.Progress(len(r.latencies) + r.failed)
	}
}

// knownCode is Unknown for a number that gRPC does not have: a server may send any.
// Source: gRPC's doc/statuscodes.md.
func knownCode(code codes.Code) codes.Code {
	if code > codes.Unauthenticated {
		return codes.Unknown
	}
	return code
}

func (r *run) result(elapsed time.Duration) Result {
	result := Result{Made: r.begun, Elapsed: elapsed, Latencies: r.latencies}
	slices.Sort(result.Latencies)
	for _, failure := range r.failures {
		result.Failures = append(result.Failures, *failure)
	}
	slices.SortFunc(result.Failures, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code))
	})
	return result
}

// Percentile is the latency that this share of the successful calls does not exceed, by the nearest rank; 0 if none
// succeeded. share is above 0 and at most 1.
func (r Result) Percentile(share float64) time.Duration {
	if len(r.Latencies) == 0 {
		return 0
	}
	rank := int(math.Ceil(share * float64(len(r.Latencies))))
	return r.Latencies[min(max(rank, 1), len(r.Latencies))-1]
}
