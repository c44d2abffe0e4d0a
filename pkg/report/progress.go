package report

import (
	"fmt"
	"time"
)

// progressEvery is how often a line that changes is written again.
const progressEvery = 100 * time.Millisecond

// clearLine goes back to the beginning of the line and clears it.
const clearLine = "\r\x1b[K"

// Progress is a line on the terminal that counts. Where nobody reads, it is not shown.
type Progress struct {
	streams Streams
	total   int
	last    time.Time
	shown   bool
}

// NewProgress counts up to total.
func NewProgress(streams Streams, total int) *Progress {
	return &Progress{streams: streams, total: total, last: time.Now()}
}

// Show says how many are over, not more often than one can read.
func (p *Progress) Show(over int) {
	if !p.streams.ErrTerminal || time.Since(p.last) < progressEvery {
		return
	}
	p.last, p.shown = time.Now(), true
	fmt.Fprintf(p.streams.Err, clearLine+"%d of %d calls", over, p.total)
}

// Clear removes the line.
func (p *Progress) Clear() {
	if p.shown {
		fmt.Fprint(p.streams.Err, clearLine)
	}
}
