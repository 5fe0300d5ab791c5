package attention

import (
	"cmp"
	"math"
	"slices"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/activation"
)

// An Attention computes, for the query of row i and the keys j that it sees,
//
//	s_j = cap(q·k_j·scale)        lse = log Σ e^(s_j)        p_j = e^(s_j − lse)        o = Σ p_j·v_j
//
// Keys are read in blocks, with a running maximum and sum (Milakov and Gimelshein 2018; Dao et al. 2022), so memory grows with the
// length, not its square. The queries of the R heads that share a key head are rows of one tile.
//
// Legend: T tokens of a batch, H query heads, G key-value heads, R = H/G, D head width.
type Attention struct {
	Heads, KeyHeads, Dim int
	interleaved          bool

	KeyBlock   int // keys of a block, counted from their segment's start; values depend on it
	QueryBlock int // query tokens of a block; values don't depend on it

	forward forward
}

// New returns the attention of a configuration.
func New(c *model.Config) Attention {
	return Attention{Heads: c.Heads, KeyHeads: c.KVHeads, Dim: c.HeadDim, interleaved: c.Interleaved, KeyBlock: 64, QueryBlock: 64}
}

// A Layer is what attention's layers differ in.
type Layer struct {
	Mask
	Scale float32 // of scores
	Cap   float32 // soft cap of scores; 0 is none
}

// LayerOf returns that of layer i.
func LayerOf(c *model.Config, i int) Layer {
	scale := c.AttentionScale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(c.HeadDim))
	}
	if c.ScaleByLayer {
		scale /= float64(i + 1)
	}
	return Layer{Mask{c.Window(i)}, float32(scale), float32(c.AttentionCap)}
}

// Shared returns R.
func (a *Attention) Shared() int { return a.Heads / a.KeyHeads }

// Wide returns (H+2G)·D, how many elements a row of qkv has: H queries, G keys, G values, or, interleaved, query, key and value of every
// head in turn.
func (a *Attention) Wide() int { return (a.Heads + 2*a.KeyHeads) * a.Dim }

// Query, Key and Value return where, in a row of qkv, a query head's, a key head's keys and its values begin.
func (a *Attention) Query(head int) int { return a.place(head, 0, 0) }

// Key is said with Query.
func (a *Attention) Key(head int) int { return a.place(head, a.Heads, 1) }

// Value is said with Query.
func (a *Attention) Value(head int) int { return a.place(head, a.Heads+a.KeyHeads, 2) }

func (a *Attention) place(head, before, part int) int {
	if a.interleaved {
		return (3*head + part) * a.Dim
	}
	return (before + head) * a.Dim
}

// A view is the queries, keys and values of a layer, or their gradients.
type view struct {
	*Attention
	qkv []float32 // (T, Wide)
}

// queries returns the R queries of a row that share key head g. (R, D)
func (v view) queries(row, g int) []float32 {
	return v.qkv[row*v.Wide()+v.Query(g*v.Shared()):][:v.Shared()*v.Dim]
}

// keys returns the keys of head g in n rows. (n, D)
func (v view) keys(row, n, g int) simd.Operand { return v.columns(row, n, v.Key(g)) }

// values returns the values of head g in n rows. (n, D)
func (v view) values(row, n, g int) simd.Operand { return v.columns(row, n, v.Value(g)) }

func (v view) columns(row, n, at int) simd.Operand {
	return simd.Operand{F32: v.qkv[row*v.Wide()+at:], Rows: n, Cols: v.Dim, Stride: v.Wide()}
}

// A QueryTask is a block of queries of one key head.
type QueryTask struct {
	group   []Span
	segment int
	queries Span
	head    int // g, of the keys
}

// QueryTasks cuts a batch's attention into tasks, the longest first, so that the threads end together, and appends them to what is an empty
// slice. A group is a prompt's span and its completions'.
func (a *Attention) QueryTasks(tasks []QueryTask, groups [][]Span) []QueryTask {
	for _, group := range groups {
		for g := range a.KeyHeads {
			tasks = a.queryTasks(tasks, group, g)
		}
	}
	longestFirst(tasks)
	return tasks
}

// queryTasks appends the blocks of queries of a key head of a group.
func (a *Attention) queryTasks(tasks []QueryTask, group []Span, head int) []QueryTask {
	for i, s := range group {
		for queries := range s.blocks(a.QueryBlock) {
			tasks = append(tasks, QueryTask{group, i, queries, head})
		}
	}
	return tasks
}

func longestFirst(tasks []QueryTask) {
	slices.SortStableFunc(tasks, func(a, b QueryTask) int { return cmp.Compare(b.queries.Pos, a.queries.Pos) })
}

// A Tile is the scratch memory of a worker. Its rows are the R·queries of a task: query 0's R heads, query 1's, and so on.
type Tile struct {
	ws       simd.Workspace
	q        []float32    // (rows, D) queries, times the scale
	s        []float32    // (rows, keys) scores, then probabilities
	o        []float32    // (rows, D) output; in the backward pass its gradient
	top, sum []float32    // (rows) running maximum, and sum of e^(s − top)
	seen     []simd.Range // (rows) of a block of keys

	lse, delta []float32 // (rows)
	ds         []float32 // (rows, keys)
	slopes     []float32 // (rows, keys) of the soft cap
	dq         []float32 // (rows, D)
}

// Cut takes the tile's memory, for a backward pass too.
func (t *Tile) Cut(take func(int) []float32, a *Attention, backward, capped bool) {
	rows := a.Shared() * a.QueryBlock
	*t = Tile{ws: t.ws, seen: t.seen}
	t.q, t.s, t.o = take(rows*a.Dim), take(rows*a.KeyBlock), take(rows*a.Dim)
	t.top, t.sum = take(rows), take(rows)
	if !backward {
		return
	}
	t.lse, t.delta = take(rows), take(rows)
	t.ds, t.dq = take(rows*a.KeyBlock), take(rows*a.Dim)
	if capped {
		t.slopes = take(rows * a.KeyBlock)
	}
}

// Forward computes the attention out (T, H·D) of a layer's queries, keys and values, and the logsumexp of every query's scores lse (T, H),
// which the backward pass needs. There is a tile a worker of the pool.
func (a *Attention) Forward(p *simd.Pool, l Layer, tiles []Tile, tasks []QueryTask, qkv, out, lse []float32) {
	f := &a.forward
	if f.Attention != a { // not yet, or that of an Attention which this one is a copy of
		f.task = func(worker, i int) { f.attend(&f.tiles[worker], f.l, f.tasks[i], f.out, f.lse) }
	}
	f.view, f.l, f.tiles, f.tasks, f.out, f.lse = view{a, qkv}, l, tiles, tasks, out, lse
	p.Run(len(tasks), f.task)
}

// forward is a layer's attention under way: it lies in the Attention so that it allocates nothing.
type forward struct {
	view
	l        Layer
	tiles    []Tile
	tasks    []QueryTask
	out, lse []float32
	task     func(worker, i int) // made once
}

// attend computes a task: its rows of out and of lse.
func (v view) attend(t *Tile, l Layer, task QueryTask, out, lse []float32) {
	rows, d := task.queries.N*v.Shared(), v.Dim
	v.loadQueries(t.q, l.Scale, task.queries, task.head)
	o := t.o[:rows*d]
	clear(o)
	for i := range rows {
		t.top[i], t.sum[i] = float32(math.Inf(-1)), 0
	}
	for _, s := range seen(task.group, task.segment) {
		for keys := range s.blocks(v.KeyBlock) {
			if !l.any(task.queries, keys) {
				continue
			}
			simd.GemmSeq(&t.ws, t.s, keys.N, simd.Matrix(t.q, rows, d), v.keys(keys.Row, keys.N, task.head).T(), false)
			if l.Cap > 0 {
				activation.SoftCap(t.s[:rows*keys.N], l.Cap, nil)
			}
			v.weigh(t, l, task.queries, keys)
			simd.GemmSeq(&t.ws, o, d, simd.Matrix(t.s, rows, keys.N), v.values(keys.Row, keys.N, task.head), true)
		}
	}
	for i := range rows {
		row, head := task.queries.Row+i/v.Shared(), task.head*v.Shared()+i%v.Shared()
		lse[row*v.Heads+head] = t.top[i] + simd.Log1(t.sum[i])
		simd.Scale(o[i*d:][:d], 1/t.sum[i])
		copy(out[(row*v.Heads+head)*d:][:d], o[i*d:])
	}
}

// weigh turns a tile's scores of a block of keys into e^(s − top), those that a query may not see into 0, and scales what a row has so far when
// its maximum grows. The sums run over what the row sees alone, so keys that it does not see change nothing.
func (v view) weigh(t *Tile, l Layer, queries, keys Span) {
	rows, shared, n := queries.N*v.Shared(), v.Shared(), keys.N
	t.seen = t.seen[:0]
	for i := range rows {
		from, to := l.visible(queries.Pos+i/shared, keys)
		if s := t.s[i*n:][:n]; to-from < n {
			clear(s[:from])
			clear(s[to:])
		}
		t.seen = append(t.seen, simd.Range{From: int32(from), To: int32(to)})
	}
	simd.SoftmaxStep(t.s[:rows*n], t.seen, t.top[:rows], t.sum[:rows], t.o[:rows*v.Dim])
}

// loadQueries copies the queries of a block that share a key head into rows, times the scale.
func (v view) loadQueries(q []float32, scale float32, queries Span, head int) {
	n := v.Shared() * v.Dim
	for i := range queries.N {
		copy(q[i*n:][:n], v.queries(queries.Row+i, head))
	}
	simd.Scale(q[:queries.N*n], scale)
}
