package attention

import (
	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/activation"
)

// The gradient of attention, given do, recomputes the probabilities of a tile from the kept logsumexp. With δ = o·do:
//
//	p = e^(s − lse)    ds = p ∘ (do·vᵀ − δ) ∘ cap'    dq = ds·k·scale    dk = dsᵀ·q·scale    dv = pᵀ·do
//
// Each tile is computed once, for all three, in 5 products. Every sum has one order: dq's over the keys' blocks, dk's and dv's over the queries': a
// prompt's keys gather from the prompt's queries, then from completion 0's, 1's, and so on. A Schedule says which thread computes what.

// A Gradient is a layer's attention on its way back.
type Gradient struct {
	QKV, DQKV  []float32 // (T, Wide)
	LSE, Delta []float32 // (T, H); Delta is δ, for its own use
	Out, DOut  []float32 // (T, H·D)
}

// Backward computes the gradients DQKV of a layer's queries, keys and values, given those of its output. The schedule is that of the batch.
func (a *Attention) Backward(p *simd.Pool, l Layer, tiles []Tile, s *Schedule, g Gradient) {
	if s.task == nil {
		s.task = func(worker, i int) {
			if t := &s.tiles[worker]; i < s.sweeps {
				s.layer.sweep(t, s.shares[i])
			} else {
				s.layer.follow(t, &s.rows[i-s.sweeps], s.front(i-s.sweeps))
			}
		}
	}
	for i := range s.rows {
		s.fronts[i].Store(0)
	}
	s.layer, s.tiles = backward{view{a, g.QKV}, view{a, g.DQKV}, l, g}, tiles
	p.Run(s.sweeps+len(s.rows), s.task)
}

type backward struct {
	view      // queries, keys and values
	d    view // their gradients
	l    Layer
	g    Gradient
}

// sweep computes δ, dq, dk and dv of a share.
func (b backward) sweep(t *Tile, s share) {
	b.clear(s.group, s.head)
	for i, span := range s.group {
		for queries := range span.blocks(b.QueryBlock) {
			b.row(t, QueryTask{s.group, i, queries, s.head}, front{})
		}
	}
}

// follow computes a row of a share that several threads work on. Whatever comes of it, those that wait for the row go on.
func (b backward) follow(t *Tile, r *row, f front) {
	defer f.end()
	if r.before < 0 { // the others wait for this one's first block
		b.clear(r.group, r.head)
	}
	b.row(t, r.QueryTask, f)
}

// clear sets dk and dv of a share to zero.
func (b backward) clear(group []Span, head int) {
	for _, span := range group {
		for row := span.Row; row < span.Row+span.N; row++ {
			clear(b.d.keys(row, 1, head).F32[:b.Dim])
			clear(b.d.values(row, 1, head).F32[:b.Dim])
		}
	}
}

// row computes δ and dq of a block of queries, and adds to dk and dv of the keys that it sees.
func (b backward) row(t *Tile, task QueryTask, f front) {
	shared, d, wide := b.Shared(), b.Dim, b.Wide()
	rows := task.queries.N * shared
	for i := range rows {
		at := (task.queries.Row+i/shared)*b.Heads + task.head*shared + i%shared
		b.g.Delta[at] = simd.Dot(b.g.Out[at*d:][:d], b.g.DOut[at*d:][:d])
	}
	b.load(t, task.queries, task.head)
	dq := t.dq[:rows*d]
	clear(dq)
	block := int32(0)
	for _, s := range seen(task.group, task.segment) {
		for keys := range s.blocks(b.KeyBlock) {
			f.await(block)
			if b.l.any(task.queries, keys) {
				b.slope(t, task.queries, keys, task.head)
				p, ds := simd.Matrix(t.s, rows, keys.N), simd.Matrix(t.ds, rows, keys.N)
				simd.GemmSeq(&t.ws, dq, d, ds, b.keys(keys.Row, keys.N, task.head), true)
				simd.GemmSeq(&t.ws, b.d.values(keys.Row, keys.N, task.head).F32, wide, p.T(), simd.Matrix(t.o, rows, d), true)
				simd.GemmSeq(&t.ws, b.d.keys(keys.Row, keys.N, task.head).F32, wide, ds.T(), simd.Matrix(t.q, rows, d), true)
			}
			f.pass(block)
			block++
		}
	}
	simd.Scale(dq, b.l.Scale)
	for i := range task.queries.N {
		copy(b.d.queries(task.queries.Row+i, task.head), dq[i*shared*d:])
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
