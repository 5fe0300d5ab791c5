package cpu

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
)

// Attention, for the query of row i and the keys j it may see (the prompt's and its own segment's, up to its own position):
//
//	s_j = q·k_j/√D        lse = log Σ e^(s_j)        p_j = e^(s_j − lse)        o = Σ p_j·v_j
//
// Keys are read in blocks, with a running maximum and sum (Milakov and Gimelshein 2018; Dao et al. 2022), so memory grows with the
// length, not its square. The queries of the R heads that share a key head are rows of one tile.
type attention struct {
	heads, keyHeads, dim int
	scale                float32 // 1/√D
	keyBlock             int     // keys of a block, counted from their segment's start; values depend on it
	queryBlock           int     // query tokens of a block; values don't depend on it
}

func newAttention(c *model.Config) attention {
	return attention{heads: c.Heads, keyHeads: c.KVHeads, dim: c.HeadDim, scale: float32(1 / math.Sqrt(float64(c.HeadDim))),
		keyBlock: 64, queryBlock: 64}
}

// shared returns R.
func (a *attention) shared() int { return a.heads / a.keyHeads }

// wide returns (H+2G)·D, how many elements a row of qkv has: H queries, G keys, G values.
func (a *attention) wide() int { return (a.heads + 2*a.keyHeads) * a.dim }

// A view is the queries, keys and values of a layer, or their gradients.
type view struct {
	*attention
	qkv []float32 // (T, (H+2G)·D)
}

// queries returns the R queries of a row that share key head g. (R, D)
func (v view) queries(row, g int) []float32 {
	n := v.shared() * v.dim
	return v.qkv[row*v.wide()+g*n:][:n]
}

// keys returns the keys of head g in n rows. (n, D)
func (v view) keys(row, n, g int) simd.Operand {
	return strided(v.qkv[row*v.wide()+(v.heads+g)*v.dim:], n, v.dim, v.wide())
}

// values returns the values of head g in n rows. (n, D)
func (v view) values(row, n, g int) simd.Operand {
	return strided(v.qkv[row*v.wide()+(v.heads+v.keyHeads+g)*v.dim:], n, v.dim, v.wide())
}

// blocks cuts a span into blocks that count from its start.
func (s span) blocks(size int) iter.Seq[span] {
	return func(yield func(span) bool) {
		for from := 0; from < s.n; from += size {
			if !yield(span{row: s.row + from, pos: s.pos + from, n: min(size, s.n-from)}) {
				return
			}
		}
	}
}

// visible returns how many of a block's keys a query at a position may see: those at its own position and before.
func visible(pos int, keys span) int { return min(max(pos-keys.pos+1, 0), keys.n) }

// keyBlocks yields the blocks of keys that some of the queries may see: the prompt's, then those of their own completion.
func (a *attention) keyBlocks(group []span, segment int, queries span) iter.Seq[span] {
	last := queries.pos + queries.n - 1
	return func(yield func(span) bool) {
		for _, s := range seen(group, segment) {
			for keys := range s.blocks(a.keyBlock) {
				if visible(last, keys) > 0 && !yield(keys) {
					return
				}
			}
		}
	}
}

// seen returns the spans whose keys a segment may see.
func seen(group []span, segment int) []span {
	if segment == 0 {
		return group[:1]
	}
	return []span{group[0], group[segment]}
}

// A queryTask is a block of queries of one key head.
type queryTask struct {
	group   []span
	segment int
	queries span
	head    int // g, of the keys
}

// queryTasks cuts a batch's attention into tasks, the longest first, so that the threads end together.
func (a *attention) queryTasks(p *plan) []queryTask {
	var tasks []queryTask
	for _, group := range p.groups {
		for i, s := range group {
			for queries := range s.blocks(a.queryBlock) {
				for g := range a.keyHeads {
					tasks = append(tasks, queryTask{group, i, queries, g})
				}
			}
		}
	}
	slices.SortStableFunc(tasks, func(a, b queryTask) int { return cmp.Compare(b.queries.pos, a.queries.pos) })
	return tasks
}

// An attnTile is the scratch memory of a worker. Its rows are the R·queries of a task: query 0's R heads, query 1's, and so on.
type attnTile struct {
	ws       simd.Workspace
	q        []float32 // (rows, D) queries, times 1/√D
	s        []float32 // (rows, keys) scores, then probabilities
	o        []float32 // (rows, D) output; in the backward pass its gradient
	top, sum []float32 // (rows) running maximum, and sum of e^(s − top)

	lse, delta []float32 // (rows)
	ds         []float32 // (rows, keys)
	dq         []float32 // (rows, D)
	dk, dv     []float32 // (keys, D)
}

// cut takes the tile's memory.
func (t *attnTile) cut(take func(int) []float32, a *attention, why purpose) {
	rows := a.shared() * a.queryBlock
	t.q, t.s, t.o = take(rows*a.dim), take(rows*a.keyBlock), take(rows*a.dim)
	t.top, t.sum = take(rows), take(rows)
	if why == toTrain {
		t.lse, t.delta = take(rows), take(rows)
		t.ds, t.dq = take(rows*a.keyBlock), take(rows*a.dim)
		t.dk, t.dv = take(a.keyBlock*a.dim), take(a.keyBlock*a.dim)
	}
}

// attend computes the attention of a layer's queries, keys and values, and what the backward pass needs.
func (e *Engine) attend(r *run, l *activations) {
	v := view{&e.attn, l.qkv}
	e.pool.Run(len(r.tasks), func(worker, i int) { v.attend(&r.tiles[worker], r.tasks[i], l.attn, l.lse) })
}

// attend computes a task: its rows of out (T, H·D) and of lse (T, H).
func (v view) attend(t *attnTile, task queryTask, out, lse []float32) {
	rows, d := task.queries.n*v.shared(), v.dim
	v.loadQueries(t.q, task.queries, task.head)
	o := t.o[:rows*d]
	clear(o)
	for i := range rows {
		t.top[i], t.sum[i] = float32(math.Inf(-1)), 0
	}
	for keys := range v.keyBlocks(task.group, task.segment, task.queries) {
		simd.GemmSeq(&t.ws, t.s, keys.n, simd.Matrix(t.q, rows, d), v.keys(keys.row, keys.n, task.head).T(), false)
		for i := range rows {
			t.weigh(i, visible(task.queries.pos+i/v.shared(), keys), keys.n, d)
		}
		simd.GemmSeq(&t.ws, o, d, simd.Matrix(t.s, rows, keys.n), v.values(keys.row, keys.n, task.head), true)
	}
	for i := range rows {
		row, head := task.queries.row+i/v.shared(), task.head*v.shared()+i%v.shared()
		lse[row*v.heads+head] = t.top[i] + simd.Log1(t.sum[i])
		to := out[(row*v.heads+head)*d:][:d]
		copy(to, o[i*d:])
		simd.Scale(to, 1/t.sum[i])
	}
}

// weigh turns row i's scores of a block into e^(s − top), those it may not see into 0, and scales what it has so far when the maximum
// grows. The sums run over what the row sees alone, so keys after it change nothing.
func (t *attnTile) weigh(i, visible, keys, d int) {
	s := t.s[i*keys:][:keys]
	seen := s[:visible]
	clear(s[visible:])
	if visible == 0 {
		return
	}
	if top := simd.Max(seen); top > t.top[i] {
		shrink := simd.Exp1(t.top[i] - top) // 0 in the first block
		t.sum[i] *= shrink
		simd.Scale(t.o[i*d:][:d], shrink)
		t.top[i] = top
	}
	t.sum[i] += simd.ExpSum(seen, seen, t.top[i])
}

// loadQueries copies the queries of a block that share a key head into rows, times 1/√D.
func (v view) loadQueries(q []float32, queries span, head int) {
	n := v.shared() * v.dim
	for i := range queries.n {
		copy(q[i*n:][:n], v.queries(queries.row+i, head))
	}
	simd.Scale(q[:queries.n*n], v.scale)
}
