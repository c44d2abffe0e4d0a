package binaries

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// meterInterval is how often a build that goes on says so.
const meterInterval = 10 * time.Second

// redraw writes a line over the one that the terminal's cursor is in.
const redraw = "\r\x1b[K%s"

func isTerminal(w io.Writer) bool {
	file, is := w.(*os.File)
	if !is {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// meter is where `go build -v` writes the name of every package that it compiles, a line each. It turns them into a
// progress line now and then.
type meter struct {
	log      io.Writer
	label    string
	cost     cost
	estimate *estimate
	first    time.Time // when the first build began
	started  time.Time
	done     chan struct{}
	ended    sync.WaitGroup

	mutex    sync.Mutex
	packages int
}

func (m *meter) start() {
	m.started, m.done = time.Now(), make(chan struct{})
	m.ended.Go(m.report)
}

// Write counts lines.
func (m *meter) Write(text []byte) (int, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.packages += bytes.Count(text, []byte("\n"))
	return len(text), nil
}

func (m *meter) report() {
	interval, line := meterInterval, "%s\n"
	if isTerminal(m.log) {
		interval, line = time.Second, redraw
		defer fmt.Fprintf(m.log, redraw, "")
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-m.done:
			return
		case <-ticker.C:
			m.mutex.Lock()
			packages := m.packages
			m.mutex.Unlock()
			elapsed := time.Since(m.first)
			fmt.Fprintf(m.log, line, fmt.Sprintf("%s: %d packages compiled, %s passed; %s left",
				m.label, packages, elapsed.Round(time.Second), roughly(m.estimate.left(elapsed, m.cost, packages))))
		}
	}
}

// stop ends the reports and returns the time since the start.
func (m *meter) stop() time.Duration {
	close(m.done)
	m.ended.Wait()
	return time.Since(m.started)
}
