package interrupt

import "context"

// Until returns what work returns, or the error of ctx if that ends first: work that knows no context (a computation, a read from a
// pipe) then goes on for nobody.
func Until[T any](ctx context.Context, work func() (T, error)) (T, error) {
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
