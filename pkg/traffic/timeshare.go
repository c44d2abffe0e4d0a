package traffic

import (
	"context"
	"time"
)

// TimeShare bounds a step to one of so many parts of the time that ctx has left, and to most: no step, however slow the other
// side is, takes the time of those that follow.
func TimeShare(ctx context.Context, parts int, most time.Duration) (context.Context, context.CancelFunc) {
	limit := most
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/time.Duration(parts))
	}
	return context.WithTimeout(ctx, limit)
}
