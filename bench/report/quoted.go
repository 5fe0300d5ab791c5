package report

import (
	"regexp"
	"strconv"
	"strings"
)

// A Quoted is the output of Go benchmarks elsewhere in the repository.
type Quoted struct {
	Title   string
	Command string
	Lines   []Line
	Failed  string
}

// A Line is one benchmark's.
type Line struct {
	Name   string
	Values []string // each with its unit
}

var benchLine = regexp.MustCompile(`^(Benchmark\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// BenchLines takes the results out of what go test -bench prints.
func BenchLines(out string) (lines []Line) {
	for line := range strings.Lines(out) {
		m := benchLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		l := Line{Name: strings.TrimPrefix(m[1], "Benchmark")}
		for words := strings.Fields(m[2]); len(words) >= 2; words = words[2:] {
			l.Values = append(l.Values, value(words[0], words[1]))
		}
		lines = append(lines, l)
	}
	return lines
}

// value writes a number with its unit; nanoseconds in a unit that is easy to read.
func value(number, unit string) string {
	ns, err := strconv.ParseFloat(number, 64)
	if err != nil || unit != "ns/op" {
		return number + " " + unit
	}
	for _, u := range []struct {
		ns   float64
		name string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}} {
		if ns >= u.ns {
			return strconv.FormatFloat(ns/u.ns, 'f', 1, 64) + " " + u.name
		}
	}
	return number + " ns"
}
