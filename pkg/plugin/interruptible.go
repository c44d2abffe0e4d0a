package plugin

import "context"

// interruptible gives what work gives, or the end of ctx where that comes first: computing knows no context, and goes on for nobody
// until the process ends.
func interruptible[T any](ctx context.Context, work func() T) (T, error) {
	done := make(chan T, 1)
	go func() { done <- work() }()
	select {
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	case value := <-done:
		return value, nil
	}
}
