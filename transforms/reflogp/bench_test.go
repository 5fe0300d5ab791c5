package reflogp_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/pairs"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
	"github.com/steelyard-ml/steelyard/transforms/tokenize"
)

// demoPairs returns the first pairs of the demonstration's data as a model's tokenizer has them, cut to maxLength tokens.
func demoPairs(t testing.TB, dir string, n, maxLength int) (out []schemas.TokenPair) {
	t.Helper()
	o := pairs.Options{Limit: int64(n)}
	inputs, err := pairs.Inputs(t.Context(), []string{filepath.Join(tol.Root(t), "testdata", "demo", "pairs.json")})
	if err != nil {
		t.Fatal(err)
	}
	items, err := pairs.Plan(t.Context(), inputs, o)
	if err != nil {
		t.Fatal(err)
	}
	e, err := tokenize.NewEncoder(tokenize.Options{Tokenizer: dir, MaxLength: maxLength})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range items {
		err := pairs.Read(t.Context(), item, o, func(p schemas.Pair) error {
			if tokens, bad := e.Encode(p); bad == nil {
				out = append(out, tokens)
			}
			return nil
		}, func(q schemas.Quarantined) error { return errors.New(q.Reason) })
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// ranked makes preference sets of pairs: each prompt with four answers, its own two and those of the pair after it, as six pairs.
func ranked(of []schemas.TokenPair) (out []schemas.TokenPair) {
	for i, p := range of {
		next := of[(i+1)%len(of)]
		answers := [][]int32{p.ChosenIDs, p.RejectedIDs, next.ChosenIDs, next.RejectedIDs}
		for j, better := range answers {
			for _, worse := range answers[j+1:] {
				out = append(out, schemas.TokenPair{
					ID:        cache.PairID(p.PromptIDs, better, worse),
					Source:    schemas.Source{Pos: int64(len(out))},
					PromptIDs: p.PromptIDs, ChosenIDs: better, RejectedIDs: worse,
				})
			}
		}
	}
	return out
}

// A pass is what came of a window.
type pass struct {
	logp   map[string][]float32 // of chosen, then rejected, by pair
	tokens int                  // that went through the model
	took   time.Duration
}

// inSets scores a window as a run does.
func inSets(t testing.TB, sc model.Scorer, window []schemas.TokenPair, budget int) pass {
	t.Helper()
	p := pass{logp: map[string][]float32{}}
	start := time.Now()
	err := reflogp.ScoreWindow(t.Context(), sc, window, budget, reflogp.Output{
		Pair: func(c schemas.CachedPair) {
			p.logp[c.ID] = slices.Concat(c.RefChosenTokenLogps, c.RefRejectedTokenLogps)
		},
		Bad:   func(q schemas.Quarantined) { t.Error(q.Reason) },
		Batch: func(b reflogp.Batch) { p.tokens += b.Tokens },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.took = time.Since(start)
	return p
}

// byThemselves scores a window without sharing between pairs, in batches of the same budget; with apart, not within a pair either.
func byThemselves(t testing.TB, sc model.Scorer, window []schemas.TokenPair, budget int, apart bool) pass {
	t.Helper()
	p := pass{logp: map[string][]float32{}}
	start := time.Now()
	for len(window) > 0 {
		var b model.Batch
		n := 0
		for _, pair := range window {
			tokens := len(pair.PromptIDs) + len(pair.ChosenIDs) + len(pair.RejectedIDs)
			if apart {
				tokens += len(pair.PromptIDs)
			}
			if n > 0 && len(b.Tokens)+tokens > budget {
				break
			}
			if n++; apart {
				b.Add(pair.PromptIDs, pair.ChosenIDs)
				b.Add(pair.PromptIDs, pair.RejectedIDs)
			} else {
				b.Add(pair.PromptIDs, pair.ChosenIDs, pair.RejectedIDs)
			}
		}
		s, err := sc.Score(t.Context(), b, 0)
		if err != nil {
			t.Fatal(err)
		}
		p.tokens += len(b.Tokens)
		at := 0
		for _, pair := range window[:n] {
			tokens := len(pair.ChosenIDs) + len(pair.RejectedIDs)
			p.logp[pair.ID] = s.Logp[at : at+tokens]
			at += tokens
		}
		window = window[n:]
	}
	p.took = time.Since(start)
	return p
}

func cpuScorer(t testing.TB, dir string) model.Scorer {
	t.Helper()
	d, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	c, err := d.Config()
	if err != nil {
		t.Fatal(err)
	}
	sc, err := cpu.NewScorer(d, c, cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sc.Close() })
	return sc
}

func demoModel(t testing.TB) string { return filepath.Join(tol.Root(t), "testdata", "demo", "model") }

// The engine gives the pairs of real preference sets the same bits in their sets, in pairs and as single sequences, whatever the budget.
func TestRealSetsHaveTheBitsOfTheirPairs(t *testing.T) {
	sc := cpuScorer(t, demoModel(t))
	window := ranked(demoPairs(t, demoModel(t), 5, 256))
	want := byThemselves(t, sc, window, 1, true)
	for _, got := range []pass{byThemselves(t, sc, window, 4096, false), inSets(t, sc, window, 4096), inSets(t, sc, window, 300), inSets(t, sc, window[7:26], 4096)} {
		for id, logp := range got.logp {
			if d := cmp.Diff(want.logp[id], logp); d != "" {
				t.Errorf("pair %s has other bits (-alone +here):\n%s", id, d)
			}
		}
	}
}

// BenchmarkSets scores preference sets of four ranked answers, six pairs each, and beside it the same pairs without what they share: each
// pair by itself, and each sequence by itself. The ratios are of the least times of each.
func BenchmarkSets(b *testing.B) {
	for _, c := range []struct {
		name, dir       string
		sets, maxLength int
	}{{"demo", demoModel(b), 16, 512}, {"smollm2", os.Getenv("STEELYARD_SMOLLM2"), 1, 512}} {
		b.Run("model="+c.name, func(b *testing.B) {
			if c.dir == "" {
				b.Skip("STEELYARD_SMOLLM2 names no directory of SmolLM2-135M-Instruct")
			}
			sc := cpuScorer(b, c.dir)
			real := demoPairs(b, c.dir, c.sets+1, c.maxLength)
			window := ranked(real)[:6*min(c.sets, len(real))]
			best := map[string]pass{}
			keep := func(how string, p pass) {
				if old, ok := best[how]; !ok || p.took < old.took {
					best[how] = p
				}
			}
			for b.Loop() {
				keep("sets", inSets(b, sc, window, reflogp.DefaultBatchTokens))
				keep("pairs", byThemselves(b, sc, window, reflogp.DefaultBatchTokens, false))
				keep("sequences", byThemselves(b, sc, window, reflogp.DefaultBatchTokens, true))
			}
			sets := best["sets"]
			b.ReportMetric(float64(sets.tokens)/sets.took.Seconds(), "tokens/s")
			for _, how := range []string{"pairs", "sequences"} {
				b.ReportMetric(best[how].took.Seconds()/sets.took.Seconds(), how+"/sets-time")
				b.ReportMetric(float64(best[how].tokens)/float64(sets.tokens), how+"/sets-tokens")
			}
		})
	}
}
