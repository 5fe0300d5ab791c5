package report

import (
	"math"

	"github.com/steelyard-ml/steelyard/bench/work"
)

// An Ablation is reference passes in other layouts, over the first pairs of the sample.
type Ablation struct {
	Pairs int
	Cases []Case
}

// A Case is one layout, or why it could not be measured.
type Case struct {
	Layout, What string
	Seconds      float64
	Tokens       int // that went through the model
	Batches      int
	Peak         int64
	Failed       string
}

// Slower returns how much more time a case takes than the first one.
func (a *Ablation) Slower(c Case) float64 { return c.Seconds / a.Cases[0].Seconds }

// A Length is a pair of growing length.
type Length struct {
	Checkpointing bool // whether training had it
	Points        []Point
}

// A Point is a pair of so many tokens, half of them its prompt, a quarter each completion.
type Point struct {
	Tokens        int
	Reference     float64 // seconds
	ReferencePeak int64
	Train         float64 // seconds of one step
	TrainPeak     int64
	Failed        string
}

// verdicts ask whether memory is linear: it grows over the last doubling of the length by twice what it grew over the one before, or by
// less; four times as much would be quadratic.
func (l *Length) verdicts() []work.Verdict {
	n := len(l.Points)
	if n < 3 {
		return nil
	}
	growth := func(peak func(Point) int64) float64 {
		a, b, c := peak(l.Points[n-3]), peak(l.Points[n-2]), peak(l.Points[n-1])
		if a == 0 || b <= a || c == 0 {
			return math.NaN()
		}
		return float64(c-b) / float64(b-a)
	}
	return []work.Verdict{{What: "memory of a training step: growth over the last doubling of the length, by that over the one before (linear: 2)",
		Value: growth(func(p Point) int64 { return p.TrainPeak }), Bound: 2.5, Most: true, Unit: "×"}}
}

// Shares are what the parts around the engine take.
type Shares struct {
	Wall, Load, Score float64 // seconds of precompute on direct: in all, loading the model, in the engine
	Pairs             int64
	PipelinePeak      int64
	Step              float64 // seconds of an optimizer step
	Read              float64 // seconds, to read its pairs from Parquet
	Open              float64 // seconds, once a run: opening the cache and indexing the view
}

// Beam returns the share of precompute's time, the model's loading apart, that was not spent in the engine.
func (s *Shares) Beam() float64 { return 1 - s.Score/(s.Wall-s.Load) }

// Parquet returns the share of a training step that reads its pairs.
func (s *Shares) Parquet() float64 {
	if s.Step == 0 {
		return math.NaN()
	}
	return s.Read / s.Step
}

func (s *Shares) verdicts() []work.Verdict {
	return []work.Verdict{
		{What: "precompute on direct: share of the time that is not the engine's", Value: s.Beam(), Bound: 0.05, Most: true, Unit: "%"},
		{What: "training: share of a step that reads Parquet", Value: s.Parquet(), Bound: 0.01, Most: true, Unit: "%"},
	}
}
