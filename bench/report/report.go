package report

import (
	"slices"
	"time"

	"github.com/steelyard-ml/steelyard/bench/host"
	"github.com/steelyard-ml/steelyard/bench/work"
	"github.com/steelyard-ml/steelyard/model"
)

// A Report is one run of all benchmarks. A section that was not measured is nil.
type Report struct {
	Machine  host.Machine
	LoadEnd  string // load averages when the measurements ended
	Took     time.Duration
	Command  string
	Threads  int // of every run but for the products, which are measured on one as well
	Quick    bool
	Model    string        // name of the model
	Config   *model.Config // of it
	Weights  int64         // parameters of it
	Versions map[string]string
	OpenBLAS string   // version and kernels, or why there is none
	Skipped  []string // what was left out, and why

	Gemm     *Gemm
	Passes   *Passes
	Ablation *Ablation
	Length   *Length
	Shares   *Shares
	Quoted   []Quoted
}

// Peak returns the peak that shares of a section are of: the median of the section's readings, or the best of OpenBLAS where that is more,
// for no peak below what a program reaches counts.
func (r *Report) Peak(g host.Gauge, threads int) float64 {
	peak := g.Float32(threads)
	if r.Gemm != nil {
		for _, p := range r.Gemm.Products {
			if p.Threads == threads && p.OpenBLAS > 0 && !(p.OpenBLAS <= peak) {
				peak = p.OpenBLAS
			}
		}
	}
	return peak
}

// Gauge returns the readings of all sections.
func (r *Report) Gauge() (all host.Gauge) {
	if r.Gemm != nil {
		all = append(all, r.Gemm.Gauge...)
	}
	if r.Passes != nil {
		all = append(all, r.Passes.Gauge...)
	}
	return all
}

// Verdicts holds all sections against what is aimed at.
func (r *Report) Verdicts() (all []work.Verdict) {
	if r.Gemm != nil {
		all = append(all, r.Gemm.verdicts(r)...)
	}
	if r.Passes != nil {
		all = append(all, r.Passes.verdicts(r)...)
	}
	if r.Length != nil {
		all = append(all, r.Length.verdicts()...)
	}
	if r.Shares != nil {
		all = append(all, r.Shares.verdicts()...)
	}
	return all
}

// Failures counts what was begun and failed.
func (r *Report) Failures() (n int) {
	count := func(failed string) {
		if failed != "" {
			n++
		}
	}
	if r.Passes != nil {
		for _, run := range r.Passes.Runs {
			count(run.Failed)
		}
	}
	if r.Ablation != nil {
		for _, c := range r.Ablation.Cases {
			count(c.Failed)
		}
	}
	if r.Length != nil {
		for _, p := range r.Length.Points {
			count(p.Failed)
		}
	}
	for _, q := range r.Quoted {
		count(q.Failed)
	}
	return n
}

// Loops returns the names of the loops that the peak was measured with.
func (r *Report) Loops() (names []string) {
	for _, reading := range r.Gauge() {
		if !slices.Contains(names, reading.Loop) {
			names = append(names, reading.Loop)
		}
	}
	return names
}

// A Change is what a choice costs, as shares of what it takes without it.
type Change struct{ Time, Memory float64 }

// Checkpointing returns what gradient checkpointing costs, or nil where it was not measured.
func (r *Report) Checkpointing() *Change {
	if r.Passes == nil {
		return nil
	}
	with, without := r.Passes.ours(Checkpointed), r.Passes.ours(Full)
	if with.Peak == 0 || without.Peak == 0 {
		return nil
	}
	return &Change{perPair(with) / perPair(without), ratio(with.Peak, without.Peak)}
}
