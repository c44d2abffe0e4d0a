package binaries

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// meterInterval is how often a build that goes on says so.
const meterInterval = 10 * time.Second

// meter is where `go build -v` writes the name of every package that it compiles, a line each. It turns them into a
// progress line now and then.
type meter struct {
	log     io.Writer
	label   string
	usually string
	started time.Time
	done    chan struct{}
	ended   sync.WaitGroup

	mutex    sync.Mutex
	packages int
}

func startMeter(log io.Writer, label, usually string) *meter {
	m := &meter{log: log, label: label, usually: usually, started: time.Now(), done: make(chan struct{})}
	m.ended.Go(m.report)
	return m
}

// Write counts lines.
func (m *meter) Write(text []byte) (int, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.packages += bytes.Count(text, []byte("\n"))
	return len(text), nil
}

func (m *meter) report() {
	ticker := time.NewTicker(meterInterval)
	defer ticker.Stop()
	for {
		select {
		case <-m.done:
			return
		case <-ticker.C:
			m.mutex.Lock()
			packages := m.packages
			m.mutex.Unlock()
			fmt.Fprintf(m.log, "%s: %d packages in %s (usually %s in all)\n",
				m.label, packages, time.Since(m.started).Round(time.Second), m.usually)
		}
	}
}

// stop ends the reports and returns the time since the start.
func (m *meter) stop() time.Duration {
	close(m.done)
	m.ended.Wait()
	return time.Since(m.started)
}
