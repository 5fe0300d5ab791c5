package attention

import (
	"cmp"
	"slices"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/activation"
)

// The gradient of attention, given do, recomputes the probabilities of a tile from the kept logsumexp. With δ = o·do:
//
//	p = e^(s − lse)    ds = p ∘ (do·vᵀ − δ) ∘ cap'    dq = ds·k·scale    dk = dsᵀ·q·scale    dv = pᵀ·do
//
// It is taken in two passes, so that every sum has one order and no two threads write to one place: dq by blocks of queries, then dk and
// dv by blocks of keys. A prompt's keys gather from the prompt's queries, then from completion 0's, 1's, and so on.

// A KeyTask is a block of keys of one head.
type KeyTask struct {
	group   []Span
	segment int
	keys    Span
	head    int
}

// KeyTasks cuts the second pass into tasks, the longest first, and appends them to what is an empty slice.
func (a *Attention) KeyTasks(tasks []KeyTask, groups [][]Span) []KeyTask {
	for _, group := range groups {
		for i, s := range group {
			for keys := range s.blocks(a.KeyBlock) {
				for g := range a.KeyHeads {
					tasks = append(tasks, KeyTask{group, i, keys, g})
				}
			}
		}
	}
	slices.SortStableFunc(tasks, func(a, b KeyTask) int { return cmp.Compare(b.queriesAfter(), a.queriesAfter()) })
	return tasks
}

// seers returns the spans whose queries may see the task's keys.
func (k KeyTask) seers() []Span {
	if k.segment == 0 {
		return k.group
	}
	return k.group[k.segment : k.segment+1]
}

// queriesAfter counts the queries at and after the task's keys.
func (k KeyTask) queriesAfter() int {
	n := 0
	for _, s := range k.seers() {
		n += s.N
	}
	return n - (k.keys.Row - k.seers()[0].Row)
}

// A Gradient is a layer's attention on its way back.
type Gradient struct {
	QKV, DQKV  []float32 // (T, Wide)
	LSE, Delta []float32 // (T, H); Delta is δ, for its own use
	Out, DOut  []float32 // (T, H·D)
}

// Backward computes the gradients DQKV of a layer's queries, keys and values, given those of its output.
func (a *Attention) Backward(p *simd.Pool, l Layer, tiles []Tile, queries []QueryTask, keys []KeyTask, g Gradient) {
	b := backward{view{a, g.QKV}, view{a, g.DQKV}, l, g}
	p.Run(len(queries), func(worker, i int) { b.queryGrad(&tiles[worker], queries[i]) })
	p.Run(len(keys), func(worker, i int) { b.keyGrad(&tiles[worker], keys[i]) })
}

type backward struct {
	view      // queries, keys and values
	d    view // their gradients
	l    Layer
	g    Gradient
}

// queryGrad computes δ and dq of a block of queries.
func (b backward) queryGrad(t *Tile, task QueryTask) {
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
			simd.GemmSeq(&t.ws, dq, d, simd.Matrix(t.ds, rows, keys.N), b.keys(keys.Row, keys.N, task.head), true)
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
		simd.ExpSum(p[from:to], p[from:to], t.lse[i])
		clear(p[:from])
		clear(p[to:])
		delta := t.delta[i]
		for j, p := range p {
			ds[j] = p * (ds[j] - delta)
		}
		if b.l.Cap > 0 {
			simd.Mul(ds, t.slopes[i*n:][:n])
		}
	}
}
