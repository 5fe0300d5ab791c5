package cpu

import (
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/attention"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/norm"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/rotary"
)

// Queries, keys and values come from one projection or three; then, where the architecture has it, queries and keys are normalized, all
// three are kept within a limit, and queries and keys are turned by their position.

// keepsRaw says whether the backward pass needs what the projections gave.
func keepsRaw(c *model.Config) bool { return c.QKNorm != model.NoQKNorm || c.ClipQKV > 0 }

// project computes l.qkv from x, what attention reads of the residual stream.
func (e *Engine) project(r *run, w *layer, l *activations, x []float32) {
	to := l.qkv
	if l.raw != nil {
		to = l.raw
	}
	wide := e.attn.Wide()
	if w.qkv.w.Rows > 0 {
		e.apply(&w.qkv, to, wide, x)
	} else {
		e.apply(&w.q, to[e.attn.Query(0):], wide, x)
		e.apply(&w.k, to[e.attn.Key(0):], wide, x)
		e.apply(&w.v, to[e.attn.Value(0):], wide, x)
	}
	if l.raw != nil {
		e.limit(r, w, l.qkv, l.raw)
	}
	e.rotate(r, w, l.qkv, rotary.Forwards)
}

// limit normalizes the queries and keys of raw and keeps all of it within the limit. qkv and raw are (T, Wide).
func (e *Engine) limit(r *run, w *layer, qkv, raw []float32) {
	e.threads.Copy(qkv, raw)
	if q, k := e.qkVectors(len(r.tokens)); e.cfg.QKNorm != model.NoQKNorm {
		w.qNorm.Forward(e.threads, qkv, raw, q)
		w.kNorm.Forward(e.threads, qkv, raw, k)
	}
	if clip := float32(e.cfg.ClipQKV); clip > 0 {
		e.loops.clipping = clipping{qkv, clip}
		e.threads.Chunks(len(qkv), &e.loops.clipping)
	}
}

// projectBackward takes the gradient of queries, keys and values as attention read them, in r.grads.qkv, to that of x, dx, unless that is nil.
func (e *Engine) projectBackward(r *run, w *layer, l *activations, dx, x []float32) {
	d := &r.grads
	wide := e.attn.Wide()
	e.rotate(r, w, d.qkv, rotary.Backwards)
	if clip := float32(e.cfg.ClipQKV); clip > 0 {
		e.clipBackward(r, w, l, clip)
	}
	if q, k := e.qkVectors(len(r.tokens)); e.cfg.QKNorm != model.NoQKNorm {
		w.qNorm.Backward(e.threads, d.qkv, d.qkv, l.raw, q)
		w.kNorm.Backward(e.threads, d.qkv, d.qkv, l.raw, k)
	}
	if w.qkv.w.Rows > 0 {
		e.applyBackward(&w.qkv, dx, replace, d.qkv, wide, x)
		return
	}
	e.applyBackward(&w.q, dx, replace, d.qkv[e.attn.Query(0):], wide, x)
	e.applyBackward(&w.k, dx, accumulate, d.qkv[e.attn.Key(0):], wide, x)
	e.applyBackward(&w.v, dx, accumulate, d.qkv[e.attn.Value(0):], wide, x)
}

// clipBackward clears the gradient of what lay beyond the limit.
func (e *Engine) clipBackward(r *run, w *layer, l *activations, clip float32) {
	d := &r.grads
	e.threads.Copy(d.unclipped, l.raw)
	if q, k := e.qkVectors(len(r.tokens)); e.cfg.QKNorm != model.NoQKNorm {
		w.qNorm.Forward(e.threads, d.unclipped, l.raw, q)
		w.kNorm.Forward(e.threads, d.unclipped, l.raw, k)
	}
	e.loops.unclipping = unclipping{d.qkv, d.unclipped, clip}
	e.threads.Chunks(len(d.qkv), &e.loops.unclipping)
}

// clipping keeps numbers within a limit.
type clipping struct {
	x    []float32
	clip float32
}

func (l *clipping) Piece(from, to int) {
	for i, v := range l.x[from:to] {
		l.x[from+i] = min(max(v, -l.clip), l.clip)
	}
}

// unclipping clears the gradient of what lay beyond the limit.
type unclipping struct {
	dx, x []float32
	clip  float32
}

func (l *unclipping) Piece(from, to int) {
	for i, v := range l.x[from:to] {
		if v < -l.clip || v > l.clip {
			l.dx[from+i] = 0
		}
	}
}

// qkVectors returns where the vectors that are normalized lie in n rows of qkv.
func (e *Engine) qkVectors(n int) (q, k norm.Vectors) {
	a := &e.attn
	of := func(heads, at int) norm.Vectors {
		v := norm.Vectors{N: n * heads, Width: a.Dim, Per: heads, Stride: a.Wide(), At: at, Step: a.Dim}
		if e.cfg.QKNorm == model.WholeQKNorm {
			v = norm.Vectors{N: n, Width: heads * a.Dim, Per: 1, Stride: a.Wide(), At: at}
		}
		return v
	}
	return of(a.Heads, a.Query(0)), of(a.KeyHeads, a.Key(0))
}

// rotate turns the queries and keys of every row by its position.
func (e *Engine) rotate(r *run, w *layer, qkv []float32, t rotary.Turn) {
	if w.rotary == nil {
		return
	}
	e.loops.turning = turning{&e.attn, w.rotary, qkv, r.pos, t}
	e.threads.Each(len(r.pos), &e.loops.turning)
}

// turning turns a row's queries and keys.
type turning struct {
	*attention.Attention
	table *rotary.Table
	qkv   []float32
	pos   []int32
	turn  rotary.Turn
}

func (l *turning) Row(i int) {
	row := l.qkv[i*l.Wide():][:l.Wide()]
	for h := range l.Heads {
		l.table.Rotate(row[l.Query(h):][:l.Dim], l.pos[i], l.turn)
	}
	for g := range l.KeyHeads {
		l.table.Rotate(row[l.Key(g):][:l.Dim], l.pos[i], l.turn)
	}
}
