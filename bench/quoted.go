package main

import (
	"context"
	"os/exec"
	"strings"

	"github.com/steelyard-ml/steelyard/bench/report"
)

// A quote is a Go benchmark elsewhere in the repository that the page shows.
type quote struct {
	title, pkg, pattern, times string
}

var quotes = []quote{
	{"The head in one tile", "./model/cpu", "^BenchmarkHeadTile$", "3x"},
	{"Preference sets", "./transforms/reflogp", "^BenchmarkSets$", "1x"},
	{"Rows through precompute, with an engine that computes nothing", "./pipelines", "^BenchmarkRows$", "1x"},
	{"Rows through training, with a model that computes nothing", "./trainer", "^BenchmarkRows$", "1x"},
}

// quote runs the benchmarks.
func (b *bench) quote(ctx context.Context) error {
	for _, q := range quotes {
		args := []string{"test", "-run", "^$", "-bench", q.pattern, "-benchtime", q.times, "-timeout", "1h", q.pkg}
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = b.root
		cmd.Env = append(cmd.Environ(), "STEELYARD_SMOLLM2="+b.model)
		if !b.quick {
			cmd.Env = append(cmd.Env, "STEELYARD_BENCH_MILLION=1")
		}
		out, err := cmd.CombinedOutput()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r := report.Quoted{Title: q.title, Command: "go " + strings.Join(args, " "), Lines: report.BenchLines(string(out))}
		switch {
		case err != nil:
			r.Failed = err.Error() + ": " + string(out)
		case r.Lines == nil:
			r.Failed = "There is no such benchmark."
		}
		b.report.Quoted = append(b.report.Quoted, r)
		b.say("%s", q.title)
	}
	return nil
}
