package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

const megabyte = 1 << 20

// table is what was measured, and whether the limits were kept.
type table struct {
	rows   []string
	missed bool
}

func (t *table) add(name string, taken cost) {
	t.rows = append(t.rows, fmt.Sprintf("%s\t%.2f s\t%.2f s\t%d MB\t\t", name, taken.wall.Seconds(), taken.user.Seconds(), taken.peak/megabyte))
}

func (t *table) limit(what, value, limit string, kept bool) {
	verdict := "kept"
	if !kept {
		verdict, t.missed = "MISSED", true
	}
	t.rows = append(t.rows, fmt.Sprintf("  %s\t\t\t\t%s of at most %s\t%s", what, value, limit, verdict))
}

func (t *table) ratio(what string, ratio, limit float64) {
	t.limit(what, fmt.Sprintf("%.3f", ratio), fmt.Sprintf("%g", limit), ratio <= limit)
}

// inform adds a ratio that has no limit.
func (t *table) inform(what string, ratio float64) {
	t.rows = append(t.rows, fmt.Sprintf("  %s\t\t\t\t%.3f\t", what, ratio))
}

func (t *table) wallTime(taken cost, limit time.Duration) {
	t.limit("wall time", fmt.Sprintf("%.2f s", taken.wall.Seconds()), fmt.Sprintf("%g s", limit.Seconds()), taken.wall <= limit)
}

func (t *table) peakMemory(taken cost, limit int64) {
	t.limit("peak memory", fmt.Sprintf("%d MB", taken.peak/megabyte), fmt.Sprintf("%d MB", limit/megabyte), taken.peak <= limit)
}

func ratio[T time.Duration | int64](value, of T) float64 { return float64(value) / float64(of) }

// print prints the table; errMissed says that a limit was not kept.
func (t *table) print(out io.Writer) error {
	columns := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "MEDIANS\tWALL\tUSER CPU\tPEAK MEMORY\tLIMIT\t")
	for _, row := range t.rows {
		fmt.Fprintln(columns, row)
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	if t.missed {
		return errMissed
	}
	return nil
}
