package cpu

import (
	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/attention"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/keep"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/norm"
)

// loops are the bodies of loops over rows, with the operands of the one that ran last: they lie here so that a loop allocates nothing.
type loops struct {
	looking    looking
	gathering  gathering
	scattering scattering

	turning     turning
	clipping    clipping
	unclipping  unclipping
	biasing     biasing
	biasSum     biasSum
	transposing transposing

	activating   activating
	deactivating deactivating
	tallying     tallying
	pulling      pulling
	scaling      scaling
	descending   descending

	routing         routing
	unrouting       unrouting
	merging         merging
	weighing        weighing
	weightSlope     weightSlope
	tallyingRouters tallyingRouters
}

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
	e.threads.Sum(r.x[i+1], l.mid, r.out)
}

// attend runs the first half of layer i: from r.x[i] to l.mid.
func (e *Engine) attend(r *run, i int) {
	w, l, x := &e.w.layers[i], &r.layers[i], r.x[i]
	e.project(r, w, l, e.before(r, &w.attnNorm, x))
	e.attn.Forward(e.pool, w.attn, r.tiles, r.queries, l.qkv, l.attn, l.lse)
	e.apply(&w.o, e.behind(l.attnOut, r.out), e.cfg.Hidden, l.attn)
	e.after(&w.attnPost, r.out, l.attnOut)
	e.threads.Sum(l.mid, x, r.out)
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
	e.attn.Backward(e.pool, w.attn, r.tiles, &r.shares, attention.Gradient{
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
		e.threads.Sum(d.x, d.x, d.norm)
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

// lookup computes the first residual stream: the embedding of every token, scaled, and of its position.
func (e *Engine) lookup(r *run) {
	e.loops.looking = looking{e, r}
	e.threads.Each(len(r.tokens), &e.loops.looking)
}

// lookupBackward adds every token's gradient to its position's row, and every token's but padding's, scaled, to its row of the
// embedding's, in the tokens' order.
func (e *Engine) lookupBackward(r *run) {
	c, d, padding := e.cfg.Hidden, r.grads.x, int32(-1)
	if dw := e.w.positions.dw; dw != nil {
		e.loops.scattering = scattering{dw, d, r.pos, c, -1}
		e.threads.Columns(c, &e.loops.scattering)
	}
	if e.w.embed.dw == nil {
		return
	}
	if scale := float32(e.cfg.EmbedScale); scale != 0 {
		e.threads.Scale(d, scale)
	}
	if p := e.cfg.Padding; p != nil {
		padding = int32(*p)
	}
	e.loops.scattering = scattering{e.w.embed.dw, d, r.tokens, c, padding}
	e.threads.Columns(c, &e.loops.scattering)
}

// looking sets a row of the first residual stream.
type looking struct {
	*Engine
	*run
}

func (l *looking) Row(i int) {
	c := l.cfg.Hidden
	x := l.x[0][i*c:][:c]
	l.w.embed.w.Row(x, int(l.tokens[i]))
	if scale := float32(l.cfg.EmbedScale); scale != 0 {
		simd.Scale(x, scale)
	}
	if l.cfg.Positions {
		pos := l.out[i*c:][:c]
		l.w.positions.w.Row(pos, int(l.pos[i]))
		simd.Add(x, pos)
	}
}

// gathering copies rows of a matrix of c columns.
type gathering struct {
	to, from []float32
	rows     []int32 // row i of to is row rows[i] of from
	c        int
}

func (l *gathering) Row(i int) { copy(l.to[i*l.c:][:l.c], l.from[int(l.rows[i])*l.c:]) }

// scattering adds rows of from, a matrix of c columns, to those of to, in their order.
type scattering struct {
	to, from []float32
	rows     []int32 // row i of from goes to row rows[i] of to, unless that is but
	c        int
	but      int32
}

func (l *scattering) Piece(a, b int) {
	for i, row := range l.rows {
		if row != l.but {
			simd.Add(l.to[int(row)*l.c+a:int(row)*l.c+b], l.from[i*l.c+a:i*l.c+b])
		}
	}
}
