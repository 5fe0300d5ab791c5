package trainer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/cachetest"
	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
	"github.com/steelyard-ml/steelyard/trainer"
)

// mostGrowth is how much more memory, in bytes beside mapped files, any number of rows may take than few do.
const (
	few        = 10_000
	mostGrowth = 64 << 20
)

// A flatPolicy gives every token the same probability and learns nothing: what training costs without a model is left.
type flatPolicy struct {
	config *model.Config
	weight model.Param
}

func (p *flatPolicy) Config() *model.Config                                  { return p.config }
func (p *flatPolicy) Numerics() string                                       { return "flat/1" }
func (p *flatPolicy) Close() error                                           { return nil }
func (p *flatPolicy) Params() []model.Param                                  { return []model.Param{p.weight} }
func (p *flatPolicy) Backward(context.Context, []float32, [][]float32) error { return nil }

func (p *flatPolicy) Score(_ context.Context, b model.Batch, _ model.Want) (model.Scores, error) {
	n := b.Scored()
	return model.Scores{Logp: make([]float32, n), Entropy: make([]float32, n), Rank1: make([]bool, n), MeanLogit: make([]float32, n)}, nil
}

func (p *flatPolicy) Forward(ctx context.Context, b model.Batch, want model.Want) (model.Scores, error) {
	return p.Score(ctx, b, want)
}

// scaleEnv holds the job of a process that is there to be measured, as JSON.
const scaleEnv = "STEELYARD_TRAINER_TEST_SCALE"

// A scaleJob makes the index of a cache's view and, with options, trains on it.
type scaleJob struct {
	Cache, Model, Index string
	Train               *trainer.Options
}

// A scaleResult is what came of it.
type scaleResult struct {
	Rows    int // indexed, or read for training
	Elapsed time.Duration
	memory  int64 // peak beside mapped files, bytes
}

func (j scaleJob) snapshot(ctx context.Context, _ string) (*cache.Snapshot, error) {
	st, err := storage.Local(j.Cache)
	if err != nil {
		return nil, err
	}
	return cache.Open(ctx, st)
}

func (j scaleJob) do() (scaleResult, error) {
	var r scaleResult
	ctx, start := context.Background(), time.Now()
	if j.Train == nil {
		s, err := j.snapshot(ctx, "")
		if err != nil {
			return r, err
		}
		x, err := s.Index(ctx, "", j.Index)
		if err != nil {
			return r, err
		}
		defer x.Close()
		return scaleResult{Rows: x.Len(), Elapsed: time.Since(start)}, nil
	}
	from, err := checkpoint.Open(j.Model)
	if err != nil {
		return r, err
	}
	defer from.Close()
	config, err := from.Config()
	if err != nil {
		return r, err
	}
	weight := model.Param{Name: "flat", Shape: []int{1}, Data: make([]float32, 1), Grad: make([]float32, 1)}
	s, err := trainer.Run(ctx, *j.Train, trainer.Inputs{Policy: &flatPolicy{config, weight}, From: from, Open: j.snapshot})
	return scaleResult{Rows: min(s.Steps*j.Train.PerDeviceTrainBatchSize, s.Rows), Elapsed: time.Since(start)}, err
}

// measure does the job in a process of its own.
func (j scaleJob) measure(t testing.TB) (r scaleResult) {
	t.Helper()
	r.memory = tol.Alone(t, scaleEnv, j, &r)
	return r
}

// scaleCache makes a cache of n pairs of 3 to 60 tokens, the last tenth of them repeats, and returns its directory.
func scaleCache(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	st := cachetest.Local(t, dir)
	const run = "20261123T180351Z-0001"
	claim := cachetest.Begin(t, st, cachetest.Run(run))
	sink := cache.NewSink(st, cachetest.Options(run))
	for i := range n {
		if err := sink.Write(t.Context(), cachetest.Pair(uint64(i%(n-n/10)), 20, schemas.Source{Pos: int64(i)})); err != nil {
			t.Fatal(err)
		}
	}
	done, err := sink.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cachetest.Do(t, st, cachetest.Commit(run, claim.Base, []cache.Done{done}))
	return dir
}

// BenchmarkRows indexes views of a thousand to a hundred thousand rows, with STEELYARD_BENCH_MILLION=1 of a million too, and trains on them,
// in order through the whole view and on rows at random across it: what a step costs without the model is reading.
func BenchmarkRows(b *testing.B) {
	const batch, atRandom = 100, 20_000
	sizes := []int{1_000, few, 100_000}
	if os.Getenv("STEELYARD_BENCH_MILLION") == "1" {
		sizes = append(sizes, 1_000_000)
	}
	train := func(rows int, strategy string, dedupe bool) *trainer.Options {
		o := trainer.DefaultOptions()
		o.TrainSamplingStrategy, o.Dedupe, o.PerDeviceTrainBatchSize, o.SaveStrategy, o.PolicyDiffers = strategy, dedupe, batch, trainer.SaveNothing, true
		o.MaxSteps = rows / batch
		return &o
	}
	caches := map[int]string{}
	for _, rows := range sizes {
		caches[rows] = scaleCache(b, rows)
	}
	for _, c := range []struct {
		name  string
		train func(rows int) *trainer.Options
	}{
		{"index", func(int) *trainer.Options { return nil }},
		{"train=sequential", func(rows int) *trainer.Options { return train(rows, trainer.SamplingSequential, false) }},
		{"train=random", func(rows int) *trainer.Options { return train(min(rows, atRandom), trainer.SamplingRandom, false) }},
		{"train=sequential/dedupe", func(rows int) *trainer.Options { return train(rows-rows/10, trainer.SamplingSequential, true) }},
	} {
		var base scaleResult // over few rows
		for _, rows := range sizes {
			b.Run(fmt.Sprintf("%s/rows=%d", c.name, rows), func(b *testing.B) {
				for b.Loop() {
					out := b.TempDir()
					j := scaleJob{Cache: caches[rows], Model: filepath.Join(tol.Root(b), "testdata", "demo", "model"), Index: filepath.Join(out, "index")}
					if j.Train = c.train(rows); j.Train != nil {
						j.Train.OutputDir = filepath.Join(out, "run")
					}
					r := j.measure(b)
					if rows == few {
						base = r
					} else if growth := r.memory - base.memory; base.Rows > 0 && growth >= mostGrowth {
						b.Errorf("a view of %d rows takes %d MB beside mapped files and of %d rows %d MB: %d MB more, %d are allowed",
							few, base.memory>>20, rows, r.memory>>20, growth>>20, mostGrowth>>20)
					}
					b.ReportMetric(float64(r.Rows)/r.Elapsed.Seconds(), "rows/s")
					b.ReportMetric(r.Elapsed.Seconds()*1e6/float64(r.Rows), "µs/row")
					b.ReportMetric(float64(r.memory)/1e6, "MB")
				}
			})
		}
	}
}
