package reflogp

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/internal/dofn"
)

// An Output takes what ScoreWindow makes. Its functions are called from the calling goroutine.
type Output struct {
	Pair  func(schemas.CachedPair)
	Bad   func(schemas.Quarantined) // the row's Path is left to the caller
	Batch func(Batch)               // every call of the engine; may be nil
}

// A Batch is one call of the engine.
type Batch struct {
	Pairs  int // distinct pairs
	Rows   int // rows that get their values
	Tokens int // tokens that went through the model, a shared prompt once
	Shared int // prompt tokens that a run without shared prompts would have computed again
	Took   time.Duration
	Err    error // why the engine refused it
}

// ScoreWindow scores a window of rows in batches of at most batchTokens tokens, longest pairs first, and hands every row to out:
// with its values, or with the reason why there are none. It returns an error only when the work was called off.
func ScoreWindow(ctx context.Context, sc model.Scorer, window []schemas.TokenPair, batchTokens int, out Output) error {
	for _, batch := range cut(distinct(window), batchTokens) {
		if err := scoreBatch(ctx, sc, batch, out); err != nil {
			return err
		}
	}
	return nil
}

// rows are the rows of a window that hold one pair: the same ids.
type rows []schemas.TokenPair

func (r rows) tokens() int {
	return len(r[0].PromptIDs) + len(r[0].ChosenIDs) + len(r[0].RejectedIDs)
}

// distinct groups a window by pair, longest pairs first. Among equally long ones the order is that of their ids, so that the cut
// into batches doesn't depend on the order of arrival.
func distinct(window []schemas.TokenPair) []rows {
	window = slices.Clone(window)
	slices.SortFunc(window, func(a, b schemas.TokenPair) int {
		return cmp.Or(
			cmp.Compare(rows{b}.tokens(), rows{a}.tokens()),
			cmp.Compare(a.ID, b.ID),
			cmp.Compare(a.Source.File, b.Source.File),
			cmp.Compare(a.Source.Pos, b.Source.Pos),
		)
	})
	var pairs []rows
	for from := 0; from < len(window); {
		to := from + 1
		for to < len(window) && window[to].ID == window[from].ID {
			to++
		}
		pairs = append(pairs, rows(window[from:to]))
		from = to
	}
	return pairs
}

// cut cuts pairs into batches of at most so many tokens, and of at least one pair.
func cut(pairs []rows, tokens int) [][]rows {
	var batches [][]rows
	for from := 0; from < len(pairs); {
		to, sum := from+1, pairs[from].tokens()
		for to < len(pairs) && sum+pairs[to].tokens() <= tokens {
			sum += pairs[to].tokens()
			to++
		}
		batches = append(batches, pairs[from:to])
		from = to
	}
	return batches
}

// scoreBatch scores a batch, or halves it where the engine refuses it.
func scoreBatch(ctx context.Context, sc model.Scorer, batch []rows, out Output) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("reflogp: %w", context.Cause(ctx))
	}
	logp, err := callEngine(ctx, sc, batch, out)
	switch {
	case err == nil:
		for _, pair := range batch {
			p := pair[0]
			n, m := len(p.ChosenIDs), len(p.RejectedIDs)
			emit(pair, logp[:n:n], logp[n:n+m:n+m], out)
			logp = logp[n+m:]
		}
		return nil
	case dofn.Ended(ctx, err):
		return fmt.Errorf("reflogp: %w", err)
	case len(batch) == 1:
		quarantine(batch[0], schemas.CodeInternal, fmt.Sprintf("the engine refused this pair alone: %v", err), out)
		return nil
	}
	half := len(batch) / 2
	if err := scoreBatch(ctx, sc, batch[:half], out); err != nil {
		return err
	}
	return scoreBatch(ctx, sc, batch[half:], out)
}

// callEngine returns the log-probability of every completion token of a batch, in order of the batch.
func callEngine(ctx context.Context, sc model.Scorer, batch []rows, out Output) ([]float32, error) {
	var b model.Batch
	var done Batch
	for _, pair := range batch {
		p := pair[0]
		b.Add(p.PromptIDs, p.ChosenIDs, p.RejectedIDs)
		done.Pairs++
		done.Rows += len(pair)
		done.Shared += len(p.PromptIDs)
	}
	done.Tokens = len(b.Tokens)
	start := time.Now()
	var scores model.Scores
	done.Err = dofn.Guard(func() (err error) {
		scores, err = sc.Score(ctx, b, 0)
		return err
	})
	if done.Err == nil && len(scores.Logp) != b.Scored() {
		done.Err = fmt.Errorf("the engine returned %d values for %d completion tokens", len(scores.Logp), b.Scored())
	}
	done.Took = time.Since(start)
	if out.Batch != nil {
		out.Batch(done)
	}
	return scores.Logp, done.Err
}

// emit gives the rows of a pair its values.
func emit(pair rows, chosen, rejected []float32, out Output) {
	c := schemas.CachedPair{
		RefChosenLogps: sum(chosen), RefRejectedLogps: sum(rejected),
		RefChosenTokenLogps: chosen, RefRejectedTokenLogps: rejected,
	}
	for _, side := range []struct {
		name string
		logp []float32
		sum  float64
	}{{"chosen", chosen, c.RefChosenLogps}, {"rejected", rejected, c.RefRejectedLogps}} {
		if !math.IsNaN(side.sum) && !math.IsInf(side.sum, 0) {
			continue
		}
		at := slices.IndexFunc(side.logp, func(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) })
		quarantine(pair, schemas.CodeNonFinite, fmt.Sprintf(
			"the reference gives completion token %d of %s the log-probability %v: look at the checkpoint for NaN and infinities",
			at, side.name, side.logp[at]), out)
		return
	}
	for _, row := range pair {
		c.TokenPair = row
		out.Pair(c)
	}
}

// sum is the float64 sum, in order, of float32 values: what the cache's format says a sum is. It is finite where they all are.
func sum(values []float32) float64 {
	s := 0.0
	for _, v := range values {
		s += float64(v)
	}
	return s
}

func quarantine(pair rows, code schemas.Code, reason string, out Output) {
	for _, row := range pair {
		out.Bad(schemas.Quarantined{Source: row.Source, Code: code, Reason: reason, Raw: row.Raw})
	}
}
