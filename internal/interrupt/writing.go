// Package interrupt is what Ctrl-C does: work that knows no context ends with it, and a write is finished first. Every package may
// import it; it imports none of them.
package interrupt

import (
	"context"
	"sync"
	"time"
)

// grace is how long a command has to end by itself after Ctrl-C. Not all it does can hear of it: a computation, a read from a pipe, a
// write to a full one.
const grace = 150 * time.Millisecond

// Writing counts what may not be cut off: changes of the cluster or of files, of which an account is due.
type Writing struct {
	lock  sync.Mutex
	count int
	// ended: the process is about to end, so that nothing may begin.
	ended bool
	// idle has a value whenever the last one is over.
	idle chan struct{}
}

type writingKey struct{}

// WithWriting returns a context whose writes are counted.
func WithWriting(ctx context.Context) (context.Context, *Writing) {
	w := &Writing{idle: make(chan struct{}, 1)}
	return context.WithValue(ctx, writingKey{}, w), w
}

// BeginWriting keeps what follows, until done is called, from being cut off by Ctrl-C. After Ctrl-C it is an error: nothing may begin any
// more.
func BeginWriting(ctx context.Context) (done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w, ok := ctx.Value(writingKey{}).(*Writing)
	if !ok {
		return func() {}, nil
	}
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.ended {
		return nil, context.Canceled
	}
	w.count++
	return w.done, nil
}

func (w *Writing) done() {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.count--; w.count == 0 {
		select {
		case w.idle <- struct{}{}:
		default:
		}
	}
}

// end reports whether nothing is being written; nothing begins afterwards.
func (w *Writing) end() bool {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.count > 0 {
		return false
	}
	w.ended = true
	return true
}

// Await returns the answer of a command, or gives up on it after ctx has ended: at once after the grace, or when nothing
// is being written any more and the grace for the account that follows is over. finishing is called where that takes longer.
func Await(ctx context.Context, answer <-chan error, w *Writing, finishing func()) error {
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
	}
	for told := false; ; {
		select {
		case err := <-answer:
			return err
		case <-time.After(grace):
		}
		if w.end() {
			return context.Canceled
		}
		if !told {
			told = true
			finishing()
		}
		select {
		case err := <-answer:
			return err
		case <-w.idle:
		}
	}
}
