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
// in tiles of tokens × vocabulary, with a running maximum and sum; so the logits of a batch never exist at once. The backward pass
// computes each tile again: dx = dlogp·(onehot(target) − softmax(x)).
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

	best   int     // the first v of the greatest logit
	dot    float64 // Σ e_v·(x_v − top), for the entropy
	square float64 // Σ e_v²
	logits float64 // Σ x_v
}

// add takes the logits x of vocabulary entries from on. It overwrites x.
func (t *tally) add(x []float32, from int, target int32, want model.Want) {
	if i := int(target) - from; 0 <= i && i < len(x) {
		t.target = x[i]
	}
	if top := simd.Max(x); top > t.top {
		t.raise(top)
		t.best = from + simd.Index(x, top)
	}
	if want == 0 {
		t.sum += simd.ExpSum(x, x, t.top)
		return
	}
	t.logits += simd.Sum64(x)
	sum, dot, square := simd.ExpMoments(x, x, t.top)
	t.sum, t.dot, t.square = t.sum+sum, t.dot+dot, t.square+square
}

// raise makes the sums those of a greater top. e_v shrinks by f, and x_v − top by the step: Σ f·e_v·((x_v − old) − step).
func (t *tally) raise(top float32) {
	shrink := simd.Exp1(t.top - top)
	if f := float64(shrink); f > 0 {
		step := float64(top - t.top)
		t.dot = float64(f * (t.dot - float64(step*float64(t.sum))))
		t.square = float64(t.square * float64(f*f))
	} else { // also from a top of -Inf
		t.dot, t.square = 0, 0
	}
	t.sum = float32(t.sum * shrink)
	t.top = top
}

// predictAll fills in the scores of a batch.
func (e *Engine) predictAll(ctx context.Context, r *run, want model.Want) (model.Scores, error) {
	n := len(r.target)
	s := newScores(n, want)
	r.tallies = room(r.tallies, min(n, e.headRows))
	tallies := r.tallies
	for from := 0; from < n; from += e.headRows {
		if err := ctx.Err(); err != nil {
			return model.Scores{}, err
		}
		target := r.target[from:min(from+e.headRows, n)]
		e.gatherHead(r, from, len(target))
		for i := range target {
			tallies[i] = tally{top: float32(math.Inf(-1))}
		}
		e.headTiles(r, len(target), func(v, size int) {
			e.loops.tallying = tallying{r.logits, e.headStride(), size, v, float32(e.cfg.LogitCap), target, tallies, want}
			e.threads.Each(len(target), &e.loops.tallying)
		})
		for i := range target {
			r.lse[from+i] = tallies[i].finish(&s, from+i, target[i], e.cfg.Vocab)
		}
	}
	return s, nil
}

// tallying adds a tile's logits to the tallies.
type tallying struct {
	logits             []float32 // (rows, size)
	stride, size, from int
	cap                float32
	target             []int32
	tallies            []tally
	want               model.Want
}

func (l *tallying) Row(i int) {
	x := l.logits[i*l.stride:][:l.size]
	if l.cap > 0 {
		activation.SoftCap(x, l.cap, nil)
	}
	l.tallies[i].add(x, l.from, l.target[i], l.want)
}

func newScores(n int, want model.Want) model.Scores {
	s := model.Scores{Logp: make([]float32, n)}
	if want&model.WantEntropy != 0 {
		s.Entropy = make([]float32, n)
	}
	if want&model.WantRank1 != 0 {
		s.Rank1 = make([]bool, n)
	}
	if want&model.WantLogSumP2 != 0 {
		s.LogSumP2 = make([]float32, n)
	}
	if want&model.WantMeanLogit != 0 {
		s.MeanLogit = make([]float32, n)
	}
	return s
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

// predictBackward takes the gradient of the log-probabilities to that of the last residual stream, in r.grads.x.
func (e *Engine) predictBackward(ctx context.Context, r *run, dLogp []float32) error {
	c, d, cap := e.cfg.Hidden, &r.grads, float32(e.cfg.LogitCap)
	clear(d.x)
	for from := 0; from < len(dLogp); from += e.headRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(e.headRows, len(dLogp)-from)
		e.gatherHead(r, from, n)
		dHead := d.head[:n*c]
		clear(dHead)
		e.headTiles(r, n, func(v, size int) {
			e.loops.descending = descending{r.logits, d.slopes, e.headStride(), size, v, cap, r.target[from:], r.lse[from:], dLogp[from:]}
			e.threads.Each(n, &e.loops.descending)
			// A tile's sum is added whole: in one chain over the vocabulary, small probabilities would be lost beside the target's one.
			dx := strided(r.logits, n, size, e.headStride())
			simd.Gemm(e.pool, d.tile, c, dx, e.w.head.w.Block(v, size, 0, c), false)
			e.threads.Sum(dHead, dHead, d.tile)
			if e.w.head.dw != nil {
				simd.Gemm(e.pool, e.w.head.dw[v*c:], c, dx.T(), simd.Matrix(r.headNorm, n, c), true)
			}
		})
		// Rows of several completions share their prompt's last row, so gradients go to a place of their own before they are added.
		into := r.headNorm[:n*c]
		clear(into)
		e.w.final.Backward(e.threads, into, dHead, r.headX[:n*c], norm.Rows(n, c))
		e.loops.scattering = scattering{d.x, into, r.predict[from : from+n], c, -1}
		e.threads.Columns(c, &e.loops.scattering)
	}
	return nil
}

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
