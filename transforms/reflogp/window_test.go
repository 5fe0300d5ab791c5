package reflogp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/schemas"
)

// Tokens that the fake engine trips over.
const (
	tokenError = 1000 + iota // the whole batch is refused
	tokenPanic
	tokenNaN
	tokenInf
	tokenShort // too few values come back
)

// A fake scores a completion token by the prompt and the completion so far, so that a mix-up of pairs shows.
type fake struct {
	model.Scorer
	calls  []model.Batch
	cancel func() // called by the third call
}

func (f *fake) Score(ctx context.Context, b model.Batch, _ model.Want) (model.Scores, error) {
	f.calls = append(f.calls, b)
	if f.cancel != nil && len(f.calls) == 3 {
		f.cancel()
		return model.Scores{}, ctx.Err()
	}
	var logp []float32
	at := 0
	for _, g := range b.Groups {
		context := uint32(2166136261)
		for _, id := range b.Tokens[at : at+g.Prompt] {
			if id == tokenError {
				return model.Scores{}, errors.New("out of tiles")
			}
			context = (context ^ uint32(id)) * 16777619
		}
		at += g.Prompt
		for _, n := range g.Completions {
			h := context
			for _, id := range b.Tokens[at : at+n] {
				switch id {
				case tokenError:
					return model.Scores{}, errors.New("out of tiles")
				case tokenPanic:
					panic("index out of range")
				case tokenShort:
					return model.Scores{}, nil
				}
				h = (h ^ uint32(id)) * 16777619
				v := -float32(h%100_000) / 7919
				if id == tokenNaN {
					v = float32(math.NaN())
				} else if id == tokenInf {
					v = float32(math.Inf(-1))
				}
				logp = append(logp, v)
			}
			at += n
		}
	}
	return model.Scores{Logp: logp}, nil
}

func pair(pos int64, prompt, chosen, rejected []int32) schemas.TokenPair {
	return schemas.TokenPair{
		ID:        fmt.Sprint(prompt, chosen, rejected),
		Source:    schemas.Source{Pos: pos},
		PromptIDs: prompt, ChosenIDs: chosen, RejectedIDs: rejected,
		Raw: fmt.Sprintf("row %d", pos),
	}
}

// run returns what ScoreWindow gives, in order of source.
func run(t testing.TB, f *fake, window []schemas.TokenPair, tokens int) (pairs []schemas.CachedPair, bad []schemas.Quarantined, batches []Batch) {
	t.Helper()
	err := ScoreWindow(t.Context(), f, window, tokens, Output{
		Pair:  func(c schemas.CachedPair) { pairs = append(pairs, c) },
		Bad:   func(q schemas.Quarantined) { bad = append(bad, q) },
		Batch: func(b Batch) { batches = append(batches, b) },
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(pairs, func(a, b schemas.CachedPair) int { return cmp.Compare(a.Source.Pos, b.Source.Pos) })
	slices.SortFunc(bad, func(a, b schemas.Quarantined) int { return cmp.Compare(a.Source.Pos, b.Source.Pos) })
	return pairs, bad, batches
}

func TestValuesDependOnThePairAlone(t *testing.T) {
	ids := rapid.SliceOfN(rapid.Int32Range(0, 5), 1, 6)
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(rt, "rows")
		window := make([]schemas.TokenPair, n)
		var want []schemas.CachedPair
		for i := range window {
			window[i] = pair(int64(i), ids.Draw(rt, "prompt"), ids.Draw(rt, "chosen"), ids.Draw(rt, "rejected"))
			alone, _, _ := run(t, &fake{}, window[i:i+1], 1)
			want = append(want, alone...)
		}
		shuffled := rapid.Permutation(window).Draw(rt, "order")
		f := &fake{}
		got, bad, batches := run(t, f, shuffled, rapid.IntRange(1, 80).Draw(rt, "budget"))
		if len(bad) > 0 {
			rt.Fatalf("quarantined %v", bad)
		}
		if d := gocmp.Diff(want, got); d != "" {
			rt.Fatalf("scored together (-alone +together):\n%s", d)
		}
		distinct := map[string]bool{}
		for _, p := range window {
			distinct[p.ID] = true
		}
		scored := 0
		for _, b := range batches {
			scored += b.Pairs
		}
		if scored != len(distinct) {
			rt.Errorf("scored %d pairs, want each of %d distinct ones once", scored, len(distinct))
		}
	})
}

func TestBatchesKeepTheBudget(t *testing.T) {
	var window []schemas.TokenPair
	for i := range 10 {
		window = append(window, pair(int64(i), make([]int32, i+1), []int32{int32(i)}, []int32{77}))
	}
	// Pairs of 12, 11, … 3 tokens, longest first.
	f := &fake{}
	run(t, f, window, 20)
	var got []int
	for _, b := range f.calls {
		got = append(got, len(b.Tokens))
	}
	if want := []int{12, 11, 19, 15, 18}; !slices.Equal(got, want) {
		t.Errorf("batches of %v tokens, want %v: at most 20 and greedy", got, want)
	}
	f = &fake{}
	run(t, f, window, 1)
	if len(f.calls) != len(window) {
		t.Errorf("%d batches with a budget below every pair, want one a pair: %d", len(f.calls), len(window))
	}
}

func TestSums(t *testing.T) {
	got, _, _ := run(t, &fake{}, []schemas.TokenPair{pair(0, []int32{1}, []int32{2, 3, 4}, []int32{5})}, 100)
	c := got[0]
	want := float64(c.RefChosenTokenLogps[0]) + float64(c.RefChosenTokenLogps[1])
	want += float64(c.RefChosenTokenLogps[2])
	if c.RefChosenLogps != want || c.RefRejectedLogps != float64(c.RefRejectedTokenLogps[0]) {
		t.Errorf("sums %v, %v of %v, %v", c.RefChosenLogps, c.RefRejectedLogps, c.RefChosenTokenLogps, c.RefRejectedTokenLogps)
	}
	if len(c.RefChosenTokenLogps) != 3 || len(c.RefRejectedTokenLogps) != 1 {
		t.Errorf("%d and %d token values, want 3 and 1", len(c.RefChosenTokenLogps), len(c.RefRejectedTokenLogps))
	}
}

func TestOneBadPairAmongMany(t *testing.T) {
	for _, test := range []struct {
		name   string
		token  int32
		code   schemas.Code
		reason string
	}{
		{"the engine refuses it", tokenError, schemas.CodeInternal, "out of tiles"},
		{"the engine panics", tokenPanic, schemas.CodeInternal, "index out of range"},
		{"values are missing", tokenShort, schemas.CodeInternal, "0 values for 1 completion tokens"},
		{"not a number", tokenNaN, schemas.CodeNonFinite, "token 0 of rejected"},
		{"infinite", tokenInf, schemas.CodeNonFinite, "-Inf"},
	} {
		for _, prompts := range []int32{33, 1} { // of their own, and one for all: the bad completion stands in a set
			t.Run(fmt.Sprintf("%s/prompts=%d", test.name, prompts), func(t *testing.T) {
				var window []schemas.TokenPair
				for i := range int32(33) {
					window = append(window, pair(int64(i), []int32{1, i % prompts}, []int32{i}, []int32{99}))
				}
				window[20] = pair(20, []int32{1, 20 % prompts}, []int32{3}, []int32{test.token})
				window[30] = pair(30, []int32{1, 20 % prompts}, []int32{3}, []int32{test.token}) // again
				got, bad, batches := run(t, &fake{}, window, 1<<20)
				if len(got) != 31 {
					t.Errorf("%d rows scored, want 31", len(got))
				}
				if len(bad) != 2 || bad[0].Source.Pos != 20 || bad[1].Source.Pos != 30 {
					t.Fatalf("quarantined %v, want rows 20 and 30", bad)
				}
				for _, q := range bad {
					if q.Code != test.code || !strings.Contains(q.Reason, test.reason) || q.Raw == "" {
						t.Errorf("quarantined as %s: %q with the raw row %q, want %s and %q", q.Code, q.Reason, q.Raw, test.code, test.reason)
					}
				}
				failed := 0
				for _, b := range batches {
					if b.Err != nil {
						failed++
					}
				}
				if test.code == schemas.CodeInternal && (failed < 2 || failed > 7) {
					t.Errorf("%d calls of the engine failed to find one completion among 32 or 64, want about log2", failed)
				}
			})
		}
	}
}

func TestCancelledWorkBlamesNoRow(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var window []schemas.TokenPair
	for i := range int64(10) {
		window = append(window, pair(i, []int32{1, int32(i)}, []int32{int32(i)}, []int32{9}))
	}
	scored, bad := 0, 0
	f := &fake{cancel: cancel}
	err := ScoreWindow(ctx, f, window, 1, Output{
		Pair: func(schemas.CachedPair) { scored++ },
		Bad:  func(schemas.Quarantined) { bad++ },
	})
	if !errors.Is(err, context.Canceled) || scored != 2 || bad != 0 || len(f.calls) != 3 {
		t.Errorf("error %v after %d rows, %d quarantined and %d calls; want context.Canceled after 2, 0 and 3", err, scored, bad, len(f.calls))
	}
}
