package cpu

import (
	"context"
	"math"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/activation"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/norm"
)

// The head computes, for the rows that predict a scored token and for no others,
//
//	x = cap(norm(row)·Wᵀ)    logp = x_target − log Σ_v e^(x_v)
//
// in tiles of tokens × vocabulary, with a running maximum and sum; so the logits of a batch never exist at once. Where W is trained the backward
// pass computes each tile again: dx = dlogp·(onehot(target) − softmax(x)). Where it is not, all that is asked of dx is dx·W, and that is dlogp times
// the pull of the token,
//
//	onehot(target)·W − softmax(x)·W
//
// whose second part runs along with the sum, as values do in attention: two products a tile instead of three.
//
// headVocab is where the vocabulary is cut: values depend on it. headRows only bounds the memory.
const (
	headVocab = 2048
	headRows  = 1024
)

// headStride returns the elements from one row of a tile to the next. Rows a multiple of 4 KB apart would share a few sets of a cache: a line of 64
// bytes between them spreads them over all.
func (e *Engine) headStride() int { return min(e.headVocab, e.cfg.Vocab) + 16 }

// A tally is a row's running sums over the vocabulary. With top the greatest logit so far and e_v = e^(x_v − top):
type tally struct {
	top    float32 // max x_v
	sum    float32 // Σ e_v
	target float32 // x_target

	slope float32 // cap'(x_target), where it is asked for

	best   int     // the first v of the greatest logit
	dot    float64 // Σ e_v·(x_v − top), for the entropy
	square float64 // Σ e_v²
	logits float64 // Σ x_v
}

// add takes the logits x of vocabulary entries from on, which become their e_v. It returns what the sums so far were multiplied by.
func (t *tally) add(x []float32, from int, target int32, want model.Want) (shrink float32) {
	if i := int(target) - from; 0 <= i && i < len(x) {
		t.target = x[i]
	}
	shrink = 1
	if top := simd.Max(x); top > t.top {
		shrink = t.raise(top)
		t.best = from + simd.Index(x, top)
	}
	if want == 0 {
		t.sum += simd.ExpSum(x, x, t.top)
		return shrink
	}
	t.logits += simd.Sum64(x)
	sum, dot, square := simd.ExpMoments(x, x, t.top)
	t.sum, t.dot, t.square = t.sum+sum, t.dot+dot, t.square+square
	return shrink
}

// raise makes the sums those of a greater top. e_v shrinks by f, which it returns, and x_v − top by the step: Σ f·e_v·((x_v − old) − step).
func (t *tally) raise(top float32) (shrink float32) {
	shrink = simd.Exp1(t.top - top)
	if f := float64(shrink); f > 0 {
		step := float64(top - t.top)
		t.dot = float64(f * (t.dot - float64(step*float64(t.sum))))
		t.square = float64(t.square * float64(f*f))
	} else { // also from a top of -Inf
		t.dot, t.square = 0, 0
	}
	t.sum = float32(t.sum * shrink)
	t.top = top
	return shrink
}

// predictAll fills in the scores of a batch, and, where a backward pass will ask for it, r.grads.pulls.
func (e *Engine) predictAll(ctx context.Context, r *run, s *model.Scores, want model.Want) error {
	n := len(r.target)
	r.tallies = room(r.tallies, min(n, e.headRows))
	tallies := r.tallies
	for from := 0; from < n; from += e.headRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		target := r.target[from:min(from+e.headRows, n)]
		e.gatherHead(r, from, len(target))
		for i := range target {
			tallies[i] = tally{top: float32(math.Inf(-1)), slope: 1}
		}
		c, d := e.cfg.Hidden, &r.grads
		var pulls []float32
		if d.pulls != nil {
			pulls = d.pulls[from*c:][:len(target)*c]
			clear(pulls)
		}
		e.headTiles(r, len(target), func(v, size int) {
			e.loops.tallying = tallying{r.logits, d.slopes, pulls, e.headStride(), size, v, c, float32(e.cfg.LogitCap), target, tallies, want}
			e.threads.Each(len(target), &e.loops.tallying)
			if pulls != nil {
				e.headTileBackward(r, pulls, v, size)
			}
		})
		if pulls != nil {
			e.loops.pulling = pulling{&e.w.head.w, pulls, d.tile, c, target, tallies}
			e.threads.Each(len(target), &e.loops.pulling)
		}
		for i := range target {
			r.lse[from+i] = tallies[i].finish(s, from+i, target[i], e.cfg.Vocab)
		}
	}
	return nil
}

// tallying adds a tile's logits to the tallies, and turns them into their e_v, or e_v·cap', where pulls ask for it.
type tallying struct {
	logits, slopes        []float32 // (rows, size); the latter of the soft cap
	pulls                 []float32 // (rows, C) Σ e_v·cap'·W_v so far, or nil
	stride, size, from, c int
	cap                   float32
	target                []int32
	tallies               []tally
	want                  model.Want
}

func (l *tallying) Row(i int) {
	t, x := &l.tallies[i], l.logits[i*l.stride:][:l.size]
	var slopes []float32
	if l.cap > 0 {
		if l.pulls != nil {
			slopes = l.slopes[i*l.stride:][:l.size]
		}
		activation.SoftCap(x, l.cap, slopes)
	}
	shrink := t.add(x, l.from, l.target[i], l.want)
	if l.pulls == nil {
		return
	}
	if shrink != 1 {
		simd.Scale(l.pulls[i*l.c:][:l.c], shrink)
	}
	if l.cap > 0 {
		simd.Mul(x, slopes)
		if i := int(l.target[i]) - l.from; 0 <= i && i < l.size {
			t.slope = slopes[i]
		}
	}
}

// pulling makes the sums of tallying the pulls themselves: cap'·W_target − Σ e_v·cap'·W_v / Σ e_v.
type pulling struct {
	w       *simd.Operand
	pulls   []float32 // (rows, C)
	row     []float32 // (rows, C) for W_target
	c       int
	target  []int32
	tallies []tally
}

func (l *pulling) Row(i int) {
	t, d, row := &l.tallies[i], l.pulls[i*l.c:][:l.c], l.row[i*l.c:][:l.c]
	l.w.Row(row, int(l.target[i]))
	simd.Scale(row, t.slope)
	simd.Scale(d, -1/t.sum)
	simd.Add(d, row)
}

// roomForScores returns room for n scores of each kind that is wanted, where s has some there.
func roomForScores(s model.Scores, n int, want model.Want) model.Scores {
	return model.Scores{
		Logp:      room(s.Logp, n),
		Entropy:   roomIf(want&model.WantEntropy != 0, s.Entropy, n),
		Rank1:     roomIf(want&model.WantRank1 != 0, s.Rank1, n),
		LogSumP2:  roomIf(want&model.WantLogSumP2 != 0, s.LogSumP2, n),
		MeanLogit: roomIf(want&model.WantMeanLogit != 0, s.MeanLogit, n),
	}
}

func roomIf[T any](wanted bool, buf []T, n int) []T {
	if !wanted {
		return nil
	}
	return room(buf, n)
}

// finish writes a row's values to place i and returns its logsumexp. With p_v = e_v/sum:
//
//	entropy = log sum − Σ e_v·(x_v − top)/sum        log Σ p² = log Σ e_v² − 2·log sum
func (t *tally) finish(s *model.Scores, i int, target int32, vocab int) (lse float32) {
	log := simd.Log(float64(t.sum))
	s.Logp[i] = float32((float64(t.target) - float64(t.top)) - log) // rounded once
	if s.Entropy != nil {
		s.Entropy[i] = float32(log - t.dot/float64(t.sum))
	}
	if s.Rank1 != nil {
		s.Rank1[i] = t.best == int(target)
	}
	if s.LogSumP2 != nil {
		s.LogSumP2[i] = float32(simd.Log(t.square) - float64(2*log))
	}
	if s.MeanLogit != nil {
		s.MeanLogit[i] = float32(t.logits / float64(vocab))
	}
	return float32(float64(t.top) + log)
}

// gatherHead copies and normalizes the rows that predict n scored tokens.
func (e *Engine) gatherHead(r *run, from, n int) {
	c := e.cfg.Hidden
	x := r.x[len(r.x)-1]
	e.loops.gathering = gathering{r.headX, x, r.predict[from:], c}
	e.threads.Each(n, &e.loops.gathering)
	e.w.final.Forward(e.threads, r.headNorm[:n*c], r.headX[:n*c], norm.Rows(n, c))
}

// headTiles computes the logits of n gathered rows, tile by tile, and calls f with a tile's first vocabulary entry and its size; r.logits
// then is (n, size), a row every headStride elements.
func (e *Engine) headTiles(r *run, n int, f func(v, size int)) {
	c := e.cfg.Hidden
	for v := 0; v < e.cfg.Vocab; v += e.headVocab {
		size := min(e.headVocab, e.cfg.Vocab-v)
		e.gemm(e.pool, r.logits, e.headStride(), simd.Matrix(r.headNorm, n, c), e.w.head.w.Block(v, size, 0, c).T(), false)
		f(v, size)
	}
}

// headTileBackward adds to dHead (n, C) what a tile's gradients, in r.logits, give.
func (e *Engine) headTileBackward(r *run, dHead []float32, v, size int) {
	c, tile := e.cfg.Hidden, r.grads.tile[:len(dHead)]
	// A tile's sum is added whole: in one chain over the vocabulary, small probabilities would be lost beside the target's one.
	dx := strided(r.logits, len(dHead)/c, size, e.headStride())
	simd.Gemm(e.pool, tile, c, dx, e.w.head.w.Block(v, size, 0, c), false)
	e.threads.Sum(dHead, dHead, tile)
}

// predictBackward takes the gradient of the log-probabilities to that of the last residual stream, in r.grads.x.
func (e *Engine) predictBackward(ctx context.Context, r *run, dLogp []float32) error {
	c, d := e.cfg.Hidden, &r.grads
	clear(d.x)
	for from := 0; from < len(dLogp); from += e.headRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(e.headRows, len(dLogp)-from)
		e.gatherHead(r, from, n)
		dHead := e.headBackward(r, from, dLogp[from:from+n])
		// Rows of several completions share their prompt's last row, so gradients go to a place of their own before they are added.
		into := r.headNorm[:n*c]
		clear(into)
		e.w.final.Backward(e.threads, into, dHead, r.headX[:n*c], norm.Rows(n, c))
		e.loops.scattering = scattering{d.x, into, r.predict[from : from+n], c, -1}
		e.threads.Columns(c, &e.loops.scattering)
	}
	return nil
}

// headBackward returns the gradient of the gathered rows, of tokens from on, and adds to that of the head's weights where they are trained.
func (e *Engine) headBackward(r *run, from int, dLogp []float32) []float32 {
	n, c, d := len(dLogp), e.cfg.Hidden, &r.grads
	if d.pulls != nil {
		dHead := d.pulls[from*c:][:n*c]
		e.loops.scaling = scaling{dHead, dLogp, c}
		e.threads.Each(n, &e.loops.scaling)
		return dHead
	}
	dHead := d.head[:n*c]
	clear(dHead)
	e.headTiles(r, n, func(v, size int) {
		e.loops.descending = descending{r.logits, d.slopes, e.headStride(), size, v, float32(e.cfg.LogitCap), r.target[from:], r.lse[from:], dLogp}
		e.threads.Each(n, &e.loops.descending)
		e.headTileBackward(r, dHead, v, size)
		dx := strided(r.logits, n, size, e.headStride())
		simd.Gemm(e.pool, e.w.head.dw[v*c:], c, dx.T(), simd.Matrix(r.headNorm, n, c), true)
	})
	return dHead
}

// scaling multiplies the rows of x, of c columns.
type scaling struct {
	x, by []float32
	c     int
}

func (l *scaling) Row(i int) { simd.Scale(l.x[i*l.c:][:l.c], l.by[i]) }

// descending turns a tile's logits into their gradient.
type descending struct {
	logits, slopes     []float32 // (rows, size); the latter of the soft cap
	stride, size, from int
	cap                float32
	target             []int32
	lse, dLogp         []float32
}

func (l *descending) Row(i int) {
	x := l.logits[i*l.stride:][:l.size]
	if l.cap == 0 {
		dLogits(x, l.from, l.target[i], l.lse[i], l.dLogp[i])
		return
	}
	slopes := l.slopes[i*l.stride:][:l.size]
	activation.SoftCap(x, l.cap, slopes)
	dLogits(x, l.from, l.target[i], l.lse[i], l.dLogp[i])
	simd.Mul(x, slopes)
}

// dLogits turns the logits x of vocabulary entries from on into their gradient.
func dLogits(x []float32, from int, target int32, lse, dLogp float32) {
	simd.ExpScale(x, x, lse, -dLogp)
	if i := int(target) - from; 0 <= i && i < len(x) {
		x[i] += dLogp
	}
}
