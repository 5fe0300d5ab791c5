package cpu

import (
	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/attention"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/keep"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/norm"
)

// forward runs layer i: from its input r.x[i] it computes what its backward pass reads and r.x[i+1].
func (e *Engine) forward(r *run, i int) {
	w, l := &e.w.layers[i], &r.layers[i]
	e.attend(r, i)
	in, out := e.before(r, &w.mlpNorm, e.between(r, i)), e.behind(l.mlpOut, r.out)
	step := r.mlpRows * e.cfg.Hidden
	for at := 0; at < len(out); at += step {
		end := min(at+step, len(out))
		e.openMLP(r, w, l, in[at:end])
		e.closeMLP(r, w, l, out[at:end])
	}
	e.after(&w.mlpPost, r.out, l.mlpOut)
	e.sum(r.x[i+1], l.mid, r.out)
}

// attend runs the first half of layer i: from r.x[i] to l.mid.
func (e *Engine) attend(r *run, i int) {
	w, l, x := &e.w.layers[i], &r.layers[i], r.x[i]
	e.project(r, w, l, e.before(r, &w.attnNorm, x))
	e.attn.Forward(e.pool, w.attn, r.tiles, r.queries, l.qkv, l.attn, l.lse)
	e.apply(&w.o, e.behind(l.attnOut, r.out), e.cfg.Hidden, l.attn)
	e.after(&w.attnPost, r.out, l.attnOut)
	e.sum(l.mid, x, r.out)
}

// between returns what the second half of layer i reads.
func (e *Engine) between(r *run, i int) []float32 {
	if e.cfg.Parallel {
		return r.x[i] // l.mid is what its output is added to
	}
	return r.layers[i].mid
}

// again computes what layer i has not kept, by the operations that computed it first.
func (e *Engine) again(r *run, i int) {
	w, l, level := &e.w.layers[i], &r.layers[i], r.keeps[i]
	if level == keep.Input {
		e.attend(r, i)
	}
	if level != keep.All {
		e.openMLP(r, w, l, e.before(r, &w.mlpNorm, e.between(r, i)))
	}
	if level == keep.Input && l.mlpOut != nil {
		e.closeMLP(r, w, l, l.mlpOut)
	}
}

// backward takes the gradient of layer i's output, in r.grads.x, to that of its input, in the same place; where nothing below is trained,
// that is left incomplete.
func (e *Engine) backward(r *run, i int) {
	e.again(r, i)
	w, l, d := &e.w.layers[i], &r.layers[i], &r.grads
	x, mid := r.x[i], e.between(r, i)
	if e.cfg.Parallel {
		copy(d.half, d.x) // both halves have the gradient of the output
	}

	dout := e.afterBackward(r, &w.mlpPost, l.mlpOut)
	in := e.before(r, &w.mlpNorm, mid)
	e.backwardMLP(r, w, l, in, dout)
	e.beforeBackward(r, &w.mlpNorm, mid)

	if e.cfg.Parallel {
		dout = d.half
	} else {
		dout = e.afterBackward(r, &w.attnPost, l.attnOut)
	}
	e.applyBackward(&w.o, d.attn, replace, dout, e.cfg.Hidden, l.attn)
	e.attn.Backward(e.pool, w.attn, r.tiles, r.sweep, r.queries, r.keys, attention.Gradient{
		QKV: l.qkv, DQKV: d.qkv, LSE: l.lse, Delta: d.delta, Out: l.attn, DOut: d.attn,
	})
	if i == e.lowest && !e.below && w.attnNorm.DG == nil && w.attnNorm.DB == nil {
		e.projectBackward(r, w, l, nil, e.before(r, &w.attnNorm, x))
		return
	}
	e.projectBackward(r, w, l, d.norm, e.before(r, &w.attnNorm, x))
	e.beforeBackward(r, &w.attnNorm, x)
}

// before returns what a half of a layer reads: its normalized input, or the input itself where the norm stands behind the half.
func (e *Engine) before(r *run, n *norm.Norm, x []float32) []float32 {
	if e.cfg.Norms == model.NormAfter {
		return x
	}
	n.Forward(e.threads, r.norm, x, norm.Rows(len(r.tokens), e.cfg.Hidden))
	return r.norm
}

// beforeBackward adds a half's gradient of what it read, in r.grads.norm, to that of its input x, in r.grads.x.
func (e *Engine) beforeBackward(r *run, n *norm.Norm, x []float32) {
	d := &r.grads
	if e.cfg.Norms == model.NormAfter {
		e.threads.Chunks(len(d.x), func(from, to int) { simd.Add(d.x[from:to], d.norm[from:to]) })
		return
	}
	n.Backward(e.threads, d.x, d.norm, x, norm.Rows(len(r.tokens), e.cfg.Hidden))
}

// behind returns where a half writes its output: kept where a norm follows that will need it again, else out.
func (e *Engine) behind(kept, out []float32) []float32 {
	if e.cfg.Norms == model.NormBefore {
		return out
	}
	return kept
}

// after normalizes what a half gave, where the norm stands behind it.
func (e *Engine) after(n *norm.Norm, out, kept []float32) {
	if e.cfg.Norms != model.NormBefore {
		n.Forward(e.threads, out, kept, norm.Rows(len(out)/e.cfg.Hidden, e.cfg.Hidden))
	}
}

// afterBackward returns the gradient of what a half gave, from that of the residual stream.
func (e *Engine) afterBackward(r *run, n *norm.Norm, kept []float32) []float32 {
	d := &r.grads
	if e.cfg.Norms == model.NormBefore {
		return d.x
	}
	copy(d.half, d.x)
	n.Backward(e.threads, d.half, d.half, kept, norm.Rows(len(r.tokens), e.cfg.Hidden))
	return d.half
}

// sum computes y = a + b.
func (e *Engine) sum(y, a, b []float32) {
	e.threads.Chunks(len(y), func(from, to int) { simd.AddTo(y[from:to], a[from:to], b[from:to]) })
}

// lookup computes the first residual stream: the embedding of every token, scaled, and of its position.
func (e *Engine) lookup(r *run) {
	c, scale := e.cfg.Hidden, float32(e.cfg.EmbedScale)
	e.threads.Each(len(r.tokens), func(i int) {
		x := r.x[0][i*c:][:c]
		e.w.embed.w.Row(x, int(r.tokens[i]))
		if scale != 0 {
			simd.Scale(x, scale)
		}
		if e.cfg.Positions {
			pos := r.out[i*c:][:c]
			e.w.positions.w.Row(pos, int(r.pos[i]))
			simd.Add(x, pos)
		}
	})
}

// lookupBackward adds every token's gradient to its position's row, and every token's but padding's, scaled, to its row of the
// embedding's, in the tokens' order.
func (e *Engine) lookupBackward(r *run) {
	c, d, padding := e.cfg.Hidden, r.grads.x, e.cfg.Padding
	if dw := e.w.positions.dw; dw != nil {
		e.threads.Columns(c, func(from, to int) {
			for i, pos := range r.pos {
				simd.Add(dw[int(pos)*c+from:int(pos)*c+to], d[i*c+from:i*c+to])
			}
		})
	}
	if e.w.embed.dw == nil {
		return
	}
	if scale := float32(e.cfg.EmbedScale); scale != 0 {
		e.threads.Chunks(len(d), func(from, to int) { simd.Scale(d[from:to], scale) })
	}
	e.threads.Columns(c, func(from, to int) {
		for i, id := range r.tokens {
			if padding != nil && int(id) == *padding {
				continue
			}
			simd.Add(e.w.embed.dw[int(id)*c+from:int(id)*c+to], d[i*c+from:i*c+to])
		}
	})
}
