package cpu

import (
	"cmp"
	"slices"

	"github.com/steelyard-ml/steelyard/internal/simd"
)

// The gradient of attention, given do, recomputes the probabilities of a tile from the kept logsumexp. With δ = o·do:
//
//	p = e^(s − lse)    ds = p ∘ (do·vᵀ − δ)    dq = ds·k/√D    dk = dsᵀ·q/√D    dv = pᵀ·do
//
// It is taken in two passes, so that every sum has one order and no two threads write to one place: dq by blocks of queries, then dk and
// dv by blocks of keys. A prompt's keys gather from the prompt's queries, then from completion 0's, 1's, and so on.

// A keyTask is a block of keys of one head.
type keyTask struct {
	group   []span
	segment int
	keys    span
	head    int
}

// keyTasks cuts the second pass into tasks, the longest first.
func (a *attention) keyTasks(p *plan) []keyTask {
	var tasks []keyTask
	for _, group := range p.groups {
		for i, s := range group {
			for keys := range s.blocks(a.keyBlock) {
				for g := range a.keyHeads {
					tasks = append(tasks, keyTask{group, i, keys, g})
				}
			}
		}
	}
	slices.SortStableFunc(tasks, func(a, b keyTask) int { return cmp.Compare(b.queriesAfter(), a.queriesAfter()) })
	return tasks
}

// seers returns the spans whose queries may see the task's keys.
func (k keyTask) seers() []span {
	if k.segment == 0 {
		return k.group
	}
	return k.group[k.segment : k.segment+1]
}

// queriesAfter counts the queries that may see the task's keys.
func (k keyTask) queriesAfter() int {
	n := 0
	for _, s := range k.seers() {
		n += s.n
	}
	return n - (k.keys.row - k.seers()[0].row)
}

// An attnGrad is a layer's attention on its way back.
type attnGrad struct {
	view                 // queries, keys and values
	d          view      // their gradients
	lse, delta []float32 // (T, H)
	out, dout  []float32 // (T, H·D)
}

// attendBackward computes the gradients of a layer's queries, keys and values, given that of attention's output.
func (e *Engine) attendBackward(r *run, l *activations) {
	g := attnGrad{
		view: view{&e.attn, l.qkv}, d: view{&e.attn, r.grads.qkv},
		lse: l.lse, delta: r.grads.delta, out: l.attn, dout: r.grads.attn,
	}
	e.pool.Run(len(r.tasks), func(worker, i int) { g.queryGrad(&r.tiles[worker], r.tasks[i]) })
	e.pool.Run(len(r.grads.tasks), func(worker, i int) { g.keyGrad(&r.tiles[worker], r.grads.tasks[i]) })
}

// queryGrad computes δ and dq of a block of queries.
func (g attnGrad) queryGrad(t *attnTile, task queryTask) {
	shared, d := g.shared(), g.dim
	rows := task.queries.n * shared
	for i := range rows {
		at := (task.queries.row+i/shared)*g.heads + task.head*shared + i%shared
		g.delta[at] = simd.Dot(g.out[at*d:][:d], g.dout[at*d:][:d])
	}
	g.load(t, task.queries, task.head)
	dq := t.dq[:rows*d]
	clear(dq)
	for keys := range g.keyBlocks(task.group, task.segment, task.queries) {
		g.slope(t, task.queries, keys, task.head)
		simd.GemmSeq(&t.ws, dq, d, simd.Matrix(t.ds, rows, keys.n), g.keys(keys.row, keys.n, task.head), true)
	}
	simd.Scale(dq, g.scale)
	for i := range task.queries.n {
		copy(g.d.queries(task.queries.row+i, task.head), dq[i*shared*d:])
	}
}

// keyGrad computes dk and dv of a block of keys.
func (g attnGrad) keyGrad(t *attnTile, task keyTask) {
	d, n := g.dim, task.keys.n
	dk, dv := t.dk[:n*d], t.dv[:n*d]
	clear(dk)
	clear(dv)
	for _, s := range task.seers() {
		for queries := range s.blocks(g.queryBlock) {
			if visible(queries.pos+queries.n-1, task.keys) == 0 {
				continue
			}
			rows := queries.n * g.shared()
			g.load(t, queries, task.head)
			g.slope(t, queries, task.keys, task.head)
			simd.GemmSeq(&t.ws, dv, d, simd.Matrix(t.s, rows, n).T(), simd.Matrix(t.o, rows, d), true)
			simd.GemmSeq(&t.ws, dk, d, simd.Matrix(t.ds, rows, n).T(), simd.Matrix(t.q, rows, d), true)
		}
	}
	dKeys, dValues := g.d.keys(task.keys.row, n, task.head), g.d.values(task.keys.row, n, task.head)
	for i := range n {
		copy(dKeys.F32[i*dKeys.Stride:][:d], dk[i*d:])
		copy(dValues.F32[i*dValues.Stride:][:d], dv[i*d:])
	}
}

// load copies a block's queries, do, lse and δ into the tile.
func (g attnGrad) load(t *attnTile, queries span, head int) {
	g.loadQueries(t.q, queries, head)
	shared, d := g.shared(), g.dim
	for i := range queries.n {
		at := (queries.row+i)*g.heads + head*shared
		copy(t.o[i*shared*d:][:shared*d], g.dout[at*d:])
		copy(t.lse[i*shared:][:shared], g.lse[at:])
		copy(t.delta[i*shared:][:shared], g.delta[at:])
	}
}

// slope computes p and ds of the loaded queries and a block of keys.
func (g attnGrad) slope(t *attnTile, queries, keys span, head int) {
	rows, d, n := queries.n*g.shared(), g.dim, keys.n
	simd.GemmSeq(&t.ws, t.s, n, simd.Matrix(t.q, rows, d), g.keys(keys.row, n, head).T(), false)
	simd.GemmSeq(&t.ws, t.ds, n, simd.Matrix(t.o, rows, d), g.values(keys.row, n, head).T(), false)
	for i := range rows {
		p, ds := t.s[i*n:][:n], t.ds[i*n:][:n]
		seen := visible(queries.pos+i/g.shared(), keys)
		simd.ExpSum(p[:seen], p[:seen], t.lse[i])
		clear(p[seen:])
		delta := t.delta[i]
		for j, p := range p {
			ds[j] = p * (ds[j] - delta)
		}
	}
}
