package cpu

import (
	"fmt"
	"math"
	"slices"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/arena"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/attention"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/keep"
)

// Activations are what a layer's backward pass reads. Norms and the activation between the feed-forward network's products are computed again
// instead. What the architecture has no use for is nil.
type activations struct {
	raw     []float32 // (T, Wide) what the projections gave, where more than a turn follows
	qkv     []float32 // (T, Wide) queries, keys and values of a token, as attention reads them
	attn    []float32 // (T, H·D) attention's output
	lse     []float32 // (T, H) logsumexp of a query's scores
	attnOut []float32 // (T, C) what attention's half gave, where a norm follows
	mid     []float32 // (T, C) the residual stream between attention and feed-forward
	gateUp  []float32 // (T or S, W) see feedforward.go
	mlpOut  []float32 // (T, C) what the feed-forward half gave, where a norm follows
	mixture
}

// A run is a batch on its way through the model: its plan and its buffers.
type run struct {
	plan
	x      [][]float32   // (layers+1) of (T, C): the residual stream before each layer, and after the last
	layers []activations // what a layer does not keep is the last one's memory, free until the last is run and after its backward pass
	keeps  []keep.Level

	mlpRows      int       // tokens that go through a feed-forward network at a time: all, where experts are gathered or it is kept
	norm         []float32 // (T, C) a normalized residual stream
	out          []float32 // (T, C) what a layer's half adds to the residual stream
	ff           []float32 // (T or S, F) the gated product
	slotX, slotY []float32 // (S, C) tokens gathered by expert, and what experts give them; in the backward pass gradients

	headX    []float32        // (tokens of a head tile, C) rows that predict, gathered
	headNorm []float32        // (tokens of a head tile, C) the same, normalized
	logits   []float32        // a head tile
	lse      []float32        // (N) logsumexp of the logits
	tallies  []tally          // one a token of a head tile
	tiles    []attention.Tile // one a worker
	routers  []model.Router   // one a group, where asked for, while they are counted
	low      lowRank

	// Attention's tasks, and for what spans they were cut; back says whether those of the backward pass were.
	cut     []attention.Span
	back    bool
	queries []attention.QueryTask
	shares  attention.Schedule // of attention's backward pass

	grads gradients
}

// Gradients are the buffers of a backward pass.
type gradients struct {
	x         []float32 // (T, C) of the residual stream
	half      []float32 // (T, C) of what a half gave, where it is not x
	norm      []float32 // (T, C) of what a half read
	qkv       []float32 // (T, Wide)
	unclipped []float32 // (T, Wide) what lay before the limit
	attn      []float32 // (T, H·D)
	delta     []float32 // (T, H) attn·dattn of every head
	gateUp    []float32 // (T or S, W)
	ff        []float32 // (T or S, F)
	pulls     []float32 // (N, C) where the head is not trained: see head.go
	head      []float32 // (tokens of a head tile, C) where it is
	tile      []float32 // (tokens of a head tile, C) what one tile adds to head
	slopes    []float32 // a head tile: of the logits' soft cap
	slot      []float32 // (S) of an expert's weight
	router    []float32 // (T, E) of the router's logits
	dRouter   [][]float32
}

// mlpRows bounds the memory of a feed-forward network where nothing is kept.
const mlpRows = 1024

// purpose says whether a backward pass will follow.
type purpose bool

const (
	toScore purpose = false
	toTrain purpose = true
)

// sizes are what the buffers of a batch grow with.
type sizes struct {
	tokens, scored int
	keys           int // that all queries of a head see together
}

// LimitMemory bounds what the calls to come may hold.
func (e *Engine) LimitMemory(l model.MemoryLimit) error {
	e.bound, e.kept = l, false
	return e.arena.Free()
}

// PlanMemory says what Forward and Backward of a batch of tokens take, with every token scored and sequences as long as the model allows.
func (e *Engine) PlanMemory(tokens int) (model.MemoryPlan, error) {
	r := run{tiles: make([]attention.Tile, len(e.batch.tiles)), keeps: make([]keep.Level, e.cfg.Layers)}
	s := sizes{tokens: tokens, scored: tokens, keys: tokens * min(tokens, e.cfg.MaxPositions) / 2}
	buffers, err := e.choose(&r, s, toTrain)
	p := model.MemoryPlan{Weights: e.held, Buffers: buffers, Layers: e.cfg.Layers}
	for _, l := range r.keeps[min(e.lowest, e.cfg.Layers-1) : e.cfg.Layers-1] {
		switch l {
		case keep.Input:
			p.Recomputed++
		case keep.Most:
			p.Partly++
		}
	}
	return p, err
}

// choose sets what r keeps of every layer, under the limit, and returns the bytes of its buffers, with those of the products.
func (e *Engine) choose(r *run, s sizes, why purpose) (int64, error) {
	for i := range r.keeps {
		r.keeps[i] = keep.Input
	}
	r.keeps[len(r.keeps)-1] = keep.All // what the others don't keep is its memory
	var c arena.Cutter
	e.lay(r, &c, s, why)
	least, room := c.Bytes()+e.panels, int64(math.MaxInt64)
	if e.bound.Bytes > 0 {
		room = e.bound.Bytes - e.held - least
	}
	if room < 0 {
		return least, &model.MemoryError{Tokens: s.tokens, Least: e.held + least, Limit: e.bound.Bytes}
	}
	if why == toTrain && !e.bound.Checkpointing && e.lowest < e.cfg.Layers-1 {
		costs := e.costs(s)
		layers := r.keeps[e.lowest : e.cfg.Layers-1]
		keep.Choose(layers, costs, room)
		for _, l := range layers {
			least += costs.Bytes[l]
		}
	}
	return least, nil
}

// costs returns what a layer takes beside its input, and the operations that compute the rest of it again: two a product of a weight and a
// token's element, four a query, key and head element.
func (e *Engine) costs(s sizes) (costs keep.Costs) {
	for l := range keep.Input {
		var c arena.Cutter
		e.layActivations(&c, s.tokens, l, activations{})
		costs.Bytes[l] = c.Bytes()
	}
	opened, ff, _ := e.mlpSizes(s.tokens)
	m := e.cfg
	wide, heads, c := e.attn.Wide(), m.Heads*m.HeadDim, float64(2*m.Hidden)
	elements := opened + s.tokens*(wide+heads)
	if m.Norms != model.NormBefore {
		elements += ff
	}
	costs.Work[keep.Most] = float64(opened) * c
	costs.Work[keep.Input] = float64(float64(elements)*c) + float64(4*s.keys*heads)
	return costs
}

// prepare gives a planned batch its buffers and its tasks.
func (e *Engine) prepare(r *run, why purpose) error {
	s := r.sizes()
	if _, err := e.choose(r, s, why); err != nil {
		return fmt.Errorf("cpu: %w", err)
	}
	var c arena.Cutter
	e.lay(r, &c, s, why)
	if err := e.arena.Grow(&c); err != nil {
		return err
	}
	e.lay(r, &c, s, why)
	e.lowRank = r.low
	if (why == toScore || r.back) && slices.Equal(r.cut, r.spans) {
		return nil // the tasks of the last batch are this one's
	}
	r.cut, r.back = append(r.cut[:0], r.spans...), bool(why)
	r.queries = e.attn.QueryTasks(r.queries[:0], r.groups)
	if why == toTrain {
		r.shares.Cut(&e.attn, r.groups, e.pool.Threads())
	}
	return nil
}

// reads says whether layer i's backward pass will read its input.
func (e *Engine) reads(i int, why purpose) bool { return why == toTrain && i >= e.lowest }

// lay takes the buffers of a batch from c into r, with the layers' levels in r.keeps.
func (e *Engine) lay(r *run, c *arena.Cutter, s sizes, why purpose) {
	m, t := e.cfg, s.tokens
	headRows := min(s.scored, e.headRows)
	headTile := headRows * e.headStride()
	r.mlpRows = t
	if why == toScore && m.Experts == nil {
		r.mlpRows = min(t, mlpRows)
	}
	opened, ff, slots := e.mlpSizes(r.mlpRows)
	last := activations{gateUp: c.Floats(opened)}
	if why == toTrain {
		r.norm, r.out = c.Floats(t*m.Hidden), c.Floats(t*m.Hidden)
		last.attn, last.qkv = c.Floats(t*m.Heads*m.HeadDim), c.Floats(t*e.attn.Wide())
	} else { // a half's input has been read before attention's output is written, and queries, keys and values before the half's
		r.norm, last.attn = c.Shared(t*m.Hidden, t*m.Heads*m.HeadDim)
		r.out, last.qkv = c.Shared(t*m.Hidden, t*e.attn.Wide())
	}
	e.layRest(c, t, &last)
	r.x, r.layers = append(r.x[:0], c.Floats(t*m.Hidden)), r.layers[:0]
	for i := range m.Layers {
		a := last
		if i < m.Layers-1 && e.reads(i, why) {
			a = e.layActivations(c, t, r.keeps[i], last)
		}
		r.layers = append(r.layers, a)
		if i > 0 && !e.reads(i-1, why) {
			r.x = append(r.x, r.x[i-1]) // two buffers, by turns
		} else {
			r.x = append(r.x, c.Floats(t*m.Hidden))
		}
	}
	r.ff = c.Floats(ff)
	r.slotX, r.slotY = c.Floats(slots*m.Hidden), c.Floats(slots*m.Hidden)
	r.low = lowRank{h: c.Floats(max(t, slots) * e.rank)}
	r.headX, r.headNorm = c.Floats(headRows*m.Hidden), c.Floats(headRows*m.Hidden)
	r.logits, r.lse = c.Floats(headTile), c.Floats(s.scored)
	for i := range r.tiles {
		r.tiles[i].Cut(c.Floats, &e.attn, why == toTrain, m.AttentionCap > 0)
	}
	r.grads = gradients{}
	if why == toScore {
		return
	}
	r.low.dh, r.low.dbT = c.Floats(max(t, slots)*e.rank), c.Floats(e.largestB)
	wide := t * e.attn.Wide()
	r.grads = gradients{
		x: c.Floats(t * m.Hidden), half: c.FloatsIf(m.Parallel || m.Norms != model.NormBefore, t*m.Hidden), norm: c.Floats(t * m.Hidden),
		qkv: c.Floats(wide), unclipped: c.FloatsIf(m.ClipQKV > 0, wide), attn: c.Floats(t * m.Heads * m.HeadDim), delta: c.Floats(t * m.Heads),
		gateUp: c.Floats(opened), ff: c.Floats(ff),
		pulls: c.FloatsIf(e.w.head.dw == nil, s.scored*m.Hidden), head: c.FloatsIf(e.w.head.dw != nil, headRows*m.Hidden),
		tile:   c.Floats(headRows * m.Hidden),
		slopes: c.FloatsIf(m.LogitCap > 0, headTile), slot: c.Floats(slots),
	}
	if m.Experts != nil {
		r.grads.router = c.Floats(t * m.Experts.Count)
	}
}

// layActivations returns a layer's activations, of which those that it does not keep are the given ones.
func (e *Engine) layActivations(c *arena.Cutter, t int, l keep.Level, a activations) activations {
	if l == keep.Input {
		return a
	}
	m := e.cfg
	if l == keep.All {
		opened, _, _ := e.mlpSizes(t)
		a.gateUp = c.Floats(opened)
	}
	a.attn, a.qkv = c.Floats(t*m.Heads*m.HeadDim), c.Floats(t*e.attn.Wide())
	e.layRest(c, t, &a)
	return a
}

// layRest takes a layer's activations but gateUp, attn and qkv.
func (e *Engine) layRest(c *arena.Cutter, t int, a *activations) {
	m := e.cfg
	_, _, slots := e.mlpSizes(t)
	a.raw, a.lse = c.FloatsIf(keepsRaw(m), t*e.attn.Wide()), c.Floats(t*m.Heads)
	a.attnOut = c.FloatsIf(m.Norms != model.NormBefore, t*m.Hidden)
	a.mid = c.Floats(t * m.Hidden)
	a.mlpOut = c.FloatsIf(m.Norms != model.NormBefore, t*m.Hidden)
	if x := m.Experts; x != nil {
		a.mixture = mixture{probs: c.Floats(t * x.Count), weights: c.Floats(slots),
			slots: c.Ints(slots), experts: c.Ints(slots), tokens: c.Ints(slots), ends: c.Ints(x.Count)}
	}
}

// mlpSizes returns the sizes of gateUp and ff that any layer's feed-forward network needs for t tokens, and the slots of its experts.
func (e *Engine) mlpSizes(t int) (opened, ff, slots int) {
	for i := range e.w.layers {
		w := &e.w.layers[i]
		net, rows := &w.mlp, t
		if w.expert != nil {
			net, rows = &w.expert[0], t*e.cfg.Experts.TopK
			slots = rows
		}
		opened, ff = max(opened, rows*net.wide()), max(ff, rows*net.width())
	}
	return opened, ff, slots
}
