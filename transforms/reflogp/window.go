package reflogp

import (
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

// A Batch is one call of the engine. Over all calls of a window that succeed, Tokens + Shared + Repeated is what a run would compute that
// takes every distinct pair as two sequences.
type Batch struct {
	Pairs    int // distinct pairs that have all their values with this call: a completion may have come with an earlier one
	Rows     int // rows of those pairs
	Tokens   int // tokens that went through the model
	Shared   int // prompt tokens that were not computed again for another completion
	Repeated int // completion tokens that were not computed again for another pair
	Took     time.Duration
	Err      error // why the engine refused it
}

// ScoreWindow scores a window of rows in batches of at most batchTokens tokens and hands every row to out: with its values, or with the
// reason why there are none. Pairs with the same prompt are one group, in which every completion stands once; the groups with most tokens
// go first. It returns an error only when the work was called off.
func ScoreWindow(ctx context.Context, sc model.Scorer, window []schemas.TokenPair, batchTokens int, out Output) error {
	for _, batch := range cut(sets(window), batchTokens) {
		if err := scoreBatch(ctx, sc, batch, out); err != nil {
			return err
		}
	}
	return nil
}

// scoreBatch scores a batch, or halves it where the engine refuses it, and hands out the pairs that are done with it.
func scoreBatch(ctx context.Context, sc model.Scorer, batch []part, out Output) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("reflogp: %w", context.Cause(ctx))
	}
	done := callEngine(ctx, sc, batch)
	if dofn.Ended(ctx, done.Err) {
		return fmt.Errorf("reflogp: %w", done.Err)
	}
	alone := len(batch) == 1 && len(batch[0].completions) == 1
	if done.Err != nil && alone {
		c := batch[0].completions[0]
		c.done, c.err = true, done.Err
	}
	for _, p := range batch {
		pairs, rows := p.set.handOut(out)
		done.Pairs += pairs
		done.Rows += rows
	}
	if out.Batch != nil {
		out.Batch(done)
	}
	if done.Err == nil || alone {
		return nil
	}
	left, right := halve(batch)
	if err := scoreBatch(ctx, sc, left, out); err != nil {
		return err
	}
	return scoreBatch(ctx, sc, right, out)
}

// callEngine gives the completions of a batch their log-probabilities, or returns why they have none.
func callEngine(ctx context.Context, sc model.Scorer, batch []part) (done Batch) {
	var b model.Batch
	for _, p := range batch {
		ids := make([][]int32, len(p.completions))
		sides := 0
		for i, c := range p.completions {
			ids[i] = c.ids
			sides += c.uses
			done.Repeated += (c.uses - 1) * len(c.ids)
		}
		b.Add(p.set.prompt, ids...)
		done.Shared += (sides - 1) * len(p.set.prompt)
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
	if done.Err != nil {
		return done
	}
	logp := scores.Logp
	for _, p := range batch {
		for _, c := range p.completions {
			n := len(c.ids)
			c.done, c.logp, logp = true, logp[:n:n], logp[n:]
		}
	}
	return done
}

// handOut gives the rows of the pairs that are done to out, once, and returns how many pairs and rows the engine refused nothing of.
func (s *set) handOut(out Output) (pairs, rows int) {
	s.pairs = slices.DeleteFunc(s.pairs, func(p pairRows) bool {
		if !p.chosen.done || !p.rejected.done {
			return false
		}
		if p.chosen.err == nil && p.rejected.err == nil {
			pairs, rows = pairs+1, rows+len(p.rows)
		}
		p.emit(out)
		return true
	})
	return pairs, rows
}

// emit gives the rows of a pair its values.
func (p pairRows) emit(out Output) {
	c := schemas.CachedPair{
		RefChosenLogps: sum(p.chosen.logp), RefRejectedLogps: sum(p.rejected.logp),
		RefChosenTokenLogps: p.chosen.logp, RefRejectedTokenLogps: p.rejected.logp,
	}
	for _, side := range []struct {
		name string
		*completion
		sum float64
	}{{"chosen", p.chosen, c.RefChosenLogps}, {"rejected", p.rejected, c.RefRejectedLogps}} {
		switch {
		case side.err != nil:
			p.quarantine(schemas.CodeInternal, fmt.Sprintf("the engine refused its %s completion alone: %v", side.name, side.err), out)
			return
		case math.IsNaN(side.sum) || math.IsInf(side.sum, 0):
			at := slices.IndexFunc(side.logp, func(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) })
			p.quarantine(schemas.CodeNonFinite, fmt.Sprintf(
				"the reference gives completion token %d of %s the log-probability %v: look at the checkpoint for NaN and infinities",
				at, side.name, side.logp[at]), out)
			return
		}
	}
	for _, row := range p.rows {
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

func (p pairRows) quarantine(code schemas.Code, reason string, out Output) {
	for _, row := range p.rows {
		out.Bad(schemas.Quarantined{Source: row.Source, Code: code, Reason: reason, Raw: row.Raw})
	}
}
