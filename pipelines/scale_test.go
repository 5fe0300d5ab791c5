package pipelines_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/pipelines"
	"github.com/steelyard-ml/steelyard/runners"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
)

// mostGrowth is how much more memory, in bytes beside mapped files, any number of rows may take than few do.
const (
	few        = 10_000
	mostGrowth = 64 << 20
)

func init() { reflogp.Register("stub", stub{}) }

// A stub is an engine without a model: a token's value depends on the token alone. What a run costs without the reference is left.
type stub struct{ model.Scorer }

func (stub) Describe(reflogp.Model) (*reflogp.Reference, error) {
	return &reflogp.Reference{
		Fingerprint: schemas.Fingerprint{{Name: schemas.ItemWeights, Digest: "stub"}, {Name: schemas.ItemNumerics, Digest: "stub/1"}},
		Vocab:       1 << 16, Positions: 1 << 10,
	}, nil
}

func (s stub) Load(reflogp.Model, int) (model.Scorer, error) { return s, nil }

func (stub) Score(_ context.Context, b model.Batch, _ model.Want) (model.Scores, error) {
	logp := make([]float32, 0, b.Scored())
	at := 0
	for _, g := range b.Groups {
		at += g.Prompt
		for _, n := range g.Completions {
			for _, id := range b.Tokens[at : at+n] {
				logp = append(logp, -float32(id)/4096)
			}
			at += n
		}
	}
	return model.Scores{Logp: logp}, nil
}

// tokenRows writes n rows of 20 to 60 token ids to a file and returns its name.
func tokenRows(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.jsonl", n))
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	r := rand.New(rand.NewPCG(uint64(n), 1))
	var line []byte
	ids := func(key string, least, most int) {
		line = append(line, key...)
		for i := range least + r.IntN(most-least+1) {
			if i > 0 {
				line = append(line, ',')
			}
			line = strconv.AppendInt(line, r.Int64N(1<<16), 10)
		}
	}
	for range n {
		line = line[:0]
		ids(`{"prompt_ids":[`, 8, 24)
		ids(`],"chosen_ids":[`, 6, 18)
		ids(`],"rejected_ids":[`, 6, 18)
		line = append(line, "]}\n"...)
		w.Write(line) // the error stays with w
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return path
}

// scaleEnv holds the job of a process that is there to be measured, as JSON.
const scaleEnv = "STEELYARD_PIPELINES_TEST_SCALE"

// A scaleJob is a run of precompute with the stub.
type scaleJob struct{ Runner, Input, Model, Cache string }

// A scaleResult is what came of it.
type scaleResult struct {
	schemas.Counts
	Elapsed time.Duration
	memory  int64 // peak beside mapped files, bytes
}

// do runs precompute as the program does.
func (j scaleJob) do() (scaleResult, error) {
	o := pipelines.DefaultOptions()
	o.Inputs, o.Model.Dir, o.Cache, o.Engine = []string{j.Input}, j.Model, j.Cache, "stub"
	o.Runner, o.Execute = j.Runner, on(j.Runner)
	o.Progress = func(pipelines.Progress) {} // so that the rows are counted beside the run
	s, err := pipelines.RunPrecompute(context.Background(), o)
	return scaleResult{Counts: s.Run.Counts, Elapsed: s.Elapsed}, err
}

// measure does the job over an input in a process of its own.
func (j scaleJob) measure(t testing.TB, input string) (r scaleResult) {
	t.Helper()
	j.Input = input
	r.memory = tol.Alone(t, scaleEnv, j, &r)
	return r
}

// checkGrowth compares the memory that many rows took with that of few.
func checkGrowth(t testing.TB, what string, little, much scaleResult) {
	t.Helper()
	if growth := much.memory - little.memory; growth >= mostGrowth {
		t.Errorf("%s over %d rows takes %d MB beside mapped files and over %d rows %d MB: %d MB more, %d are allowed",
			what, little.Rows, little.memory>>20, much.Rows, much.memory>>20, growth>>20, mostGrowth>>20)
	}
}

// Memory does not grow with the rows. A run that kept them would take more than twice the bound; BenchmarkRows is the same over up to a million.
func TestMemoryIsFlat(t *testing.T) {
	if raceDetector || testing.Short() {
		t.Skip("skipped: takes seconds, and the race detector takes memory of its own")
	}
	small, large := tokenRows(t, few), tokenRows(t, 100_000)
	for _, runner := range runners.Names() {
		t.Run(runner, func(t *testing.T) {
			job := scaleJob{Runner: runner, Model: demoModel(t), Cache: t.TempDir()}
			little := job.measure(t, small)
			job.Cache = t.TempDir()
			much := job.measure(t, large)
			if little.Scored != few || much.Scored != 100_000 {
				t.Errorf("%d and %d rows were scored", little.Scored, much.Scored)
			}
			checkGrowth(t, "a run", little, much)
		})
	}
}

// BenchmarkRows runs over a thousand to a hundred thousand rows that the cache lacks, and then over the same rows, which it has: what a run
// costs without the reference. With STEELYARD_BENCH_MILLION=1 over a million too.
func BenchmarkRows(b *testing.B) {
	sizes := []int{1_000, few, 100_000}
	if os.Getenv("STEELYARD_BENCH_MILLION") == "1" {
		sizes = append(sizes, 1_000_000)
	}
	for _, runner := range runners.Names() {
		base := map[string]scaleResult{} // over few rows, by whether they are new
		for _, n := range sizes {
			b.Run(fmt.Sprintf("runner=%s/rows=%d", runner, n), func(b *testing.B) {
				input := tokenRows(b, n)
				for b.Loop() {
					job := scaleJob{Runner: runner, Model: demoModel(b), Cache: b.TempDir()}
					for _, rows := range []string{"new", "known"} {
						r := job.measure(b, input)
						if known := rows == "known"; known != (r.Reused == r.Rows) || known != (r.Scored == 0) {
							b.Errorf("of %d %s rows %d were scored and %d reused", r.Rows, rows, r.Scored, r.Reused)
						}
						if n == few {
							base[rows] = r
						} else if n > few && base[rows].Rows > 0 {
							checkGrowth(b, "a run", base[rows], r)
						}
						b.ReportMetric(float64(r.Rows)/r.Elapsed.Seconds(), rows+"-rows/s")
						b.ReportMetric(r.Elapsed.Seconds()*1e6/float64(r.Rows), rows+"-µs/row")
						b.ReportMetric(float64(r.memory)/1e6, rows+"-MB")
					}
				}
			})
		}
	}
}
