package attention

import (
	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/activation"
)

// The gradient of attention, given do, recomputes the probabilities of a tile from the kept logsumexp. With δ = o·do:
//
//	p = e^(s − lse)    ds = p ∘ (do·vᵀ − δ) ∘ cap'    dq = ds·k·scale    dk = dsᵀ·q·scale    dv = pᵀ·do
//
// Every sum has one order: dq's over the keys' blocks, dk's and dv's over the queries': a prompt's keys gather from the prompt's queries,
// then from completion 0's, 1's, and so on. A Schedule says which parts are swept and which are passed over twice, with the same bits.

// A Gradient is a layer's attention on its way back.
type Gradient struct {
	QKV, DQKV  []float32 // (T, Wide)
	LSE, Delta []float32 // (T, H); Delta is δ, for its own use
	Out, DOut  []float32 // (T, H·D)
}

// Backward computes the gradients DQKV of a layer's queries, keys and values, given those of its output. The schedule is that of the batch.
func (a *Attention) Backward(p *simd.Pool, l Layer, tiles []Tile, s *Schedule, g Gradient) {
	if s.first == nil {
		s.first = func(worker, i int) {
			if t := &s.tiles[worker]; i < len(s.sweeps) {
				s.layer.sweep(t, s.sweeps[i])
			} else {
				s.layer.queryGrad(t, s.queries[i-len(s.sweeps)], false)
			}
		}
		s.second = func(worker, i int) { s.layer.keyGrad(&s.tiles[worker], s.keys[i]) }
	}
	s.layer, s.tiles = backward{view{a, g.QKV}, view{a, g.DQKV}, l, g}, tiles
	p.Run(len(s.sweeps)+len(s.queries), s.first)
	p.Run(len(s.keys), s.second)
}

type backward struct {
	view      // queries, keys and values
	d    view // their gradients
	l    Layer
	g    Gradient
}

// sweep computes δ, dq, dk and dv of a share.
func (b backward) sweep(t *Tile, s share) {
	for _, span := range s.group {
		for row := span.Row; row < span.Row+span.N; row++ {
			clear(b.d.keys(row, 1, s.head).F32[:b.Dim])
			clear(b.d.values(row, 1, s.head).F32[:b.Dim])
		}
	}
	for i, span := range s.group {
		for queries := range span.blocks(b.QueryBlock) {
			b.queryGrad(t, QueryTask{s.group, i, queries, s.head}, true)
		}
	}
}

// queryGrad computes δ and dq of a block of queries and, to gather, adds to dk and dv of the keys that it sees.
func (b backward) queryGrad(t *Tile, task QueryTask, gather bool) {
	shared, d := b.Shared(), b.Dim
	rows := task.queries.N * shared
	for i := range rows {
		at := (task.queries.Row+i/shared)*b.Heads + task.head*shared + i%shared
		b.g.Delta[at] = simd.Dot(b.g.Out[at*d:][:d], b.g.DOut[at*d:][:d])
	}
	b.load(t, task.queries, task.head)
	dq := t.dq[:rows*d]
	clear(dq)
	for _, s := range seen(task.group, task.segment) {
		for keys := range s.blocks(b.KeyBlock) {
			if !b.l.any(task.queries, keys) {
				continue
			}
			b.slope(t, task.queries, keys, task.head)
			p, ds := simd.Matrix(t.s, rows, keys.N), simd.Matrix(t.ds, rows, keys.N)
			simd.GemmSeq(&t.ws, dq, d, ds, b.keys(keys.Row, keys.N, task.head), true)
			if gather {
				wide := b.Wide()
				simd.GemmSeq(&t.ws, b.d.values(keys.Row, keys.N, task.head).F32, wide, p.T(), simd.Matrix(t.o, rows, d), true)
				simd.GemmSeq(&t.ws, b.d.keys(keys.Row, keys.N, task.head).F32, wide, ds.T(), simd.Matrix(t.q, rows, d), true)
			}
		}
	}
	simd.Scale(dq, b.l.Scale)
	for i := range task.queries.N {
		copy(b.d.queries(task.queries.Row+i, task.head), dq[i*shared*d:])
	}
}

// keyGrad computes dk and dv of a block of keys.
func (b backward) keyGrad(t *Tile, task KeyTask) {
	d, n := b.Dim, task.keys.N
	dk, dv := t.dk[:n*d], t.dv[:n*d]
	clear(dk)
	clear(dv)
	for _, s := range task.seers() {
		for queries := range s.blocks(b.QueryBlock) {
			if !b.l.any(queries, task.keys) {
				continue
			}
			rows := queries.N * b.Shared()
			b.load(t, queries, task.head)
			b.slope(t, queries, task.keys, task.head)
			simd.GemmSeq(&t.ws, dv, d, simd.Matrix(t.s, rows, n).T(), simd.Matrix(t.o, rows, d), true)
			simd.GemmSeq(&t.ws, dk, d, simd.Matrix(t.ds, rows, n).T(), simd.Matrix(t.q, rows, d), true)
		}
	}
	dKeys, dValues := b.d.keys(task.keys.Row, n, task.head), b.d.values(task.keys.Row, n, task.head)
	for i := range n {
		copy(dKeys.F32[i*dKeys.Stride:][:d], dk[i*d:])
		copy(dValues.F32[i*dValues.Stride:][:d], dv[i*d:])
	}
}

// load copies a block's queries, do, lse and δ into the tile.
func (b backward) load(t *Tile, queries Span, head int) {
	b.loadQueries(t.q, b.l.Scale, queries, head)
	shared, d := b.Shared(), b.Dim
	for i := range queries.N {
		at := (queries.Row+i)*b.Heads + head*shared
		copy(t.o[i*shared*d:][:shared*d], b.g.DOut[at*d:])
		copy(t.lse[i*shared:][:shared], b.g.LSE[at:])
		copy(t.delta[i*shared:][:shared], b.g.Delta[at:])
	}
}

// slope computes p and ds of the loaded queries and a block of keys.
func (b backward) slope(t *Tile, queries, keys Span, head int) {
	rows, d, n := queries.N*b.Shared(), b.Dim, keys.N
	simd.GemmSeq(&t.ws, t.s, n, simd.Matrix(t.q, rows, d), b.keys(keys.Row, n, head).T(), false)
	simd.GemmSeq(&t.ws, t.ds, n, simd.Matrix(t.o, rows, d), b.values(keys.Row, n, head).T(), false)
	if b.l.Cap > 0 {
		activation.SoftCap(t.s[:rows*n], b.l.Cap, t.slopes[:rows*n])
	}
	for i := range rows {
		p, ds := t.s[i*n:][:n], t.ds[i*n:][:n]
		from, to := b.l.visible(queries.Pos+i/b.Shared(), keys)
		simd.SoftmaxGrad(p[from:to], ds[from:to], p[from:to], t.lse[i], t.delta[i])
		if b.l.Cap > 0 {
			simd.Mul(ds[from:to], t.slopes[i*n:][from:to])
		}
		for _, part := range [][]float32{p[:from], p[to:], ds[:from], ds[to:]} {
			clear(part)
		}
	}
}
