package plugin

import "context"

func (o *lintOptions) runWatch(context.Context) error {
	return usage("--watch is not there yet: run lint again and again instead")
}
