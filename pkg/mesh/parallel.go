package mesh

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// InParallel calls work for 0 … count-1, on all processors, and returns when all calls have. A panic of work is its own.
func InParallel(count int, work func(index int)) {
	var next atomic.Int64
	var failure atomic.Pointer[any]
	worker := func() {
		defer func() {
			if panicked := recover(); panicked != nil {
				failure.Store(&panicked)
			}
		}()
		for index := int(next.Add(1)) - 1; index < count; index = int(next.Add(1)) - 1 {
			work(index)
		}
	}
	var working sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), count) {
		working.Go(worker)
	}
	working.Wait()
	if panicked := failure.Load(); panicked != nil {
		panic(*panicked)
	}
}
