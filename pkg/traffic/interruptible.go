package traffic

import "context"

// interruptible gives what work gives, or the end of ctx where that comes first: work that knows no context (computing, reading a
// pipe) then goes on for nobody.
func interruptible[T any](ctx context.Context, work func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := work()
		done <- outcome{value, err}
	}()
	select {
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	case result := <-done:
		return result.value, result.err
	}
}
