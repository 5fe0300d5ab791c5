package cpu

import (
	"github.com/steelyard-ml/steelyard/internal/simd"
)

// forward runs layer i: from its input r.x[i] it computes what its backward pass reads and r.x[i+1]. It may be run again.
func (e *Engine) forward(r *run, i int) {
	w, l := &e.w.layers[i], &r.layers[i]
	x, next := r.x[i], r.x[i+1]
	q, k, v := e.attn.parts(l.qkv)
	wide := e.attn.wide()

	e.normalize(&w.attnNorm, r.norm, x)
	e.apply(&w.q, q, wide, r.norm)
	e.apply(&w.k, k, wide, r.norm)
	e.apply(&w.v, v, wide, r.norm)
	e.rotate(l.qkv, r.pos, forwards)
	e.attend(r, l)
	e.apply(&w.o, r.out, e.cfg.Hidden, l.attn)
	e.sum(l.mid, x, r.out)

	e.normalize(&w.mlpNorm, r.norm, l.mid)
	e.apply(&w.gate, l.gate, e.cfg.Intermediate, r.norm)
	e.apply(&w.up, l.up, e.cfg.Intermediate, r.norm)
	e.chunks(len(r.ff), func(from, to int) { simd.SwiGLU(r.ff[from:to], l.gate[from:to], l.up[from:to]) })
	e.apply(&w.down, r.out, e.cfg.Hidden, r.ff)
	e.sum(next, l.mid, r.out)
}

// backward takes the gradient of layer i's output, in r.grads.x, to that of its input, in the same place.
func (e *Engine) backward(r *run, i int) {
	w, l, d := &e.w.layers[i], &r.layers[i], &r.grads
	dq, dk, dv := e.attn.parts(d.qkv)
	wide := e.attn.wide()

	e.chunks(len(r.ff), func(from, to int) { simd.SwiGLU(r.ff[from:to], l.gate[from:to], l.up[from:to]) })
	e.applyBackward(&w.down, d.ff, replace, d.x, e.cfg.Hidden, r.ff)
	e.chunks(len(d.ff), func(from, to int) {
		simd.SwiGLUGrad(d.gate[from:to], d.up[from:to], d.ff[from:to], l.gate[from:to], l.up[from:to])
	})
	e.normalize(&w.mlpNorm, r.norm, l.mid)
	e.applyBackward(&w.gate, d.norm, replace, d.gate, e.cfg.Intermediate, r.norm)
	e.applyBackward(&w.up, d.norm, accumulate, d.up, e.cfg.Intermediate, r.norm)
	e.normalizeBackward(&w.mlpNorm, d.x, d.norm, l.mid, d.scale)

	e.applyBackward(&w.o, d.attn, replace, d.x, e.cfg.Hidden, l.attn)
	e.attendBackward(r, l)
	e.rotate(d.qkv, r.pos, backwards)
	e.normalize(&w.attnNorm, r.norm, r.x[i])
	e.applyBackward(&w.q, d.norm, replace, dq, wide, r.norm)
	e.applyBackward(&w.k, d.norm, accumulate, dk, wide, r.norm)
	e.applyBackward(&w.v, d.norm, accumulate, dv, wide, r.norm)
	e.normalizeBackward(&w.attnNorm, d.x, d.norm, r.x[i], d.scale)
}

// parts returns where queries, keys and values begin in qkv.
func (a *attention) parts(qkv []float32) (q, k, v []float32) {
	return qkv, qkv[a.heads*a.dim:], qkv[(a.heads+a.keyHeads)*a.dim:]
}

// rotate turns the queries and keys of every row by its position.
func (e *Engine) rotate(qkv []float32, pos []int32, t turn) {
	wide, turned := e.attn.wide(), (e.attn.heads+e.attn.keyHeads)*e.attn.dim
	e.each(len(pos), func(i int) { e.rotary.rotate(qkv[i*wide:][:turned], pos[i], t) })
}

// sum computes y = a + b.
func (e *Engine) sum(y, a, b []float32) {
	e.chunks(len(y), func(from, to int) {
		copy(y[from:to], a[from:to])
		simd.Add(y[from:to], b[from:to])
	})
}

// lookup computes the first residual stream: the embedding of every token.
func (e *Engine) lookup(r *run) {
	c := e.cfg.Hidden
	e.each(len(r.tokens), func(i int) { e.w.embed.w.Row(r.x[0][i*c:][:c], int(r.tokens[i])) })
}

// lookupBackward adds every token's gradient but padding's to its row of the embedding's, in the tokens' order.
func (e *Engine) lookupBackward(r *run) {
	if e.w.embed.dw == nil {
		return
	}
	c, padding := e.cfg.Hidden, e.cfg.Padding
	e.columns(c, func(from, to int) {
		for i, id := range r.tokens {
			if padding != nil && int(id) == *padding {
				continue
			}
			simd.Add(e.w.embed.dw[int(id)*c+from:int(id)*c+to], r.grads.x[i*c+from:i*c+to])
		}
	})
}
