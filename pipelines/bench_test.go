package pipelines_test

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/pipelines"
	"github.com/steelyard-ml/steelyard/runners"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
)

// BenchmarkPrecompute makes a cache of the demonstration's pairs under its model.
func BenchmarkPrecompute(b *testing.B) {
	for _, runner := range runners.Names() {
		b.Run("runner="+runner, func(b *testing.B) {
			rows, tokens := int64(0), int64(0)
			for b.Loop() {
				o := options(b, runner)
				o.Inputs = []string{filepath.Join(tol.Root(b), "testdata", "demo", "pairs.json")}
				s, err := pipelines.RunPrecompute(b.Context(), o)
				if err != nil {
					b.Fatal(err)
				}
				rows += s.Run.Counts.Rows
				tokens += s.Run.Counts.Tokens
				os.RemoveAll(o.Cache)
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

func init() { reflogp.Register("timed", timed{}) }

// inEngine is how long the timed engine has computed, in nanoseconds.
var inEngine atomic.Int64

// A timed engine is the CPU's with a watch.
type timed struct{ model.Scorer }

func (timed) Describe(m reflogp.Model) (*reflogp.Reference, error) {
	return reflogp.Open(context.Background(), "", m)
}

func (timed) Load(m reflogp.Model, threads int) (model.Scorer, error) {
	d, c, err := m.Open() // stays open, as the model does
	if err != nil {
		return nil, err
	}
	sc, err := cpu.NewScorer(d, c, cpu.Options{Threads: threads})
	return timed{sc}, err
}

func (t timed) Score(ctx context.Context, b model.Batch, want model.Want) (model.Scores, error) {
	start := time.Now()
	defer func() { inEngine.Add(int64(time.Since(start))) }()
	return t.Scorer.Score(ctx, b, want)
}

// BenchmarkOverhead makes a cache of the demonstration's first pairs and tells what of the time was not the engine's: for Beam, reading,
// tokenizing, batching and writing. The model is loaded before.
func BenchmarkOverhead(b *testing.B) {
	for _, c := range []struct {
		name, dir string
		rows      int64
	}{{"demo", demoModel(b), 62}, {"smollm2", os.Getenv("STEELYARD_SMOLLM2"), 16}} {
		for _, runner := range runners.Names() {
			b.Run("model="+c.name+"/runner="+runner, func(b *testing.B) {
				if c.dir == "" {
					b.Skip("STEELYARD_SMOLLM2 names no directory of SmolLM2-135M-Instruct")
				}
				precompute := func(rows int64) pipelines.Summary {
					o := options(b, runner)
					o.Inputs, o.Pairs.Limit = []string{filepath.Join(tol.Root(b), "testdata", "demo", "pairs.json")}, rows
					o.Engine, o.Model.Dir = "timed", c.dir
					s, err := pipelines.RunPrecompute(b.Context(), o)
					if err != nil {
						b.Fatal(err)
					}
					return s
				}
				precompute(1)
				var whole, engine time.Duration
				var rows, tokens int64
				for b.Loop() {
					inEngine.Store(0)
					s := precompute(c.rows)
					whole, engine = whole+s.Elapsed, engine+time.Duration(inEngine.Load())
					rows, tokens = rows+s.Run.Counts.Rows, tokens+s.Counters["steelyard/tokens"]
				}
				b.ReportMetric(100*float64(whole-engine)/float64(whole), "%-not-engine")
				b.ReportMetric(float64((whole-engine).Microseconds())/float64(rows), "rest-µs/row")
				b.ReportMetric(float64(tokens)/float64(rows), "tokens/row")
				b.ReportMetric(float64(tokens)/whole.Seconds(), "tokens/s")
			})
		}
	}
}
