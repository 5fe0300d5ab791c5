package cpu

import (
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/attention"
)

// An arena is one allocation that every call cuts its buffers from. It grows to the largest call and is used again.
type arena struct{ buf []float32 }

// cut runs layout twice: to see how much its takes come to, and with slices of that much memory. What they hold is left over from
// earlier calls.
func (a *arena) cut(layout func(take func(n int) []float32)) {
	// Every buffer begins a cache line.
	round := func(n int) int { return (n + 15) &^ 15 }
	total := 0
	layout(func(n int) []float32 {
		total += round(n)
		return nil
	})
	if total > len(a.buf) {
		a.buf = nil // let go before the larger one is made
		a.buf = make([]float32, total)
	}
	rest := a.buf
	layout(func(n int) []float32 {
		cut := rest[:n:n]
		rest = rest[round(n):]
		return cut
	})
}

// Activations are what a layer's backward pass reads. Norms and the feed-forward network's products are computed again instead. What the
// architecture has no use for is nil.
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
	*plan
	x      [][]float32   // (layers+1) of (T, C): the residual stream before each layer, and after the last
	layers []activations // a layer's own where a backward pass follows; else all are the same memory

	norm         []float32 // (T, C) a normalized residual stream
	out          []float32 // (T, C) what a layer's half adds to the residual stream
	ff           []float32 // (T or S, F) the gated product
	slotX, slotY []float32 // (S, C) tokens gathered by expert, and what experts give them; in the backward pass gradients

	headX    []float32             // (tokens of a head tile, C) rows that predict, gathered
	headNorm []float32             // (tokens of a head tile, C) the same, normalized
	logits   []float32             // a head tile
	lse      []float32             // (N) logsumexp of the logits
	tiles    []attention.Tile      // one a worker
	queries  []attention.QueryTask // of attention
	routers  []model.Router        // one a group, where asked for
	grads    gradients
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
	head      []float32 // (tokens of a head tile, C)
	tile      []float32 // (tokens of a head tile, C) what one tile adds to head
	slopes    []float32 // a head tile: of the logits' soft cap
	slot      []float32 // (S) of an expert's weight
	router    []float32 // (T, E) of the router's logits
	dRouter   [][]float32
	sweep     attention.Sweep
	keys      []attention.KeyTask // where there is no sweep
}

// purpose says whether a backward pass will follow.
type purpose bool

const (
	toScore purpose = false
	toTrain purpose = true
)

// newRun cuts the buffers of a batch.
func (e *Engine) newRun(p *plan, why purpose) *run {
	c, t, n := e.cfg, len(p.tokens), len(p.target)
	r := &run{plan: p, queries: e.attn.QueryTasks(p.groups), tiles: make([]attention.Tile, e.pool.Threads())}
	headRows, headTile := min(n, e.headRows), min(n, e.headRows)*min(c.Vocab, e.headVocab)
	opened, ff, slots := e.mlpSizes(t)
	e.arena.cut(func(take func(n int) []float32) {
		some := func(wanted bool, n int) []float32 {
			if !wanted {
				return nil
			}
			return take(n)
		}
		r.x, r.layers = [][]float32{take(t * c.Hidden)}, nil
		for i := range c.Layers {
			if i == 0 || why == toTrain {
				r.layers = append(r.layers, e.newActivations(t, opened, some))
				r.x = append(r.x, take(t*c.Hidden))
			} else {
				r.layers = append(r.layers, r.layers[0])
				r.x = append(r.x, r.x[i-1]) // two buffers, by turns
			}
		}
		r.norm, r.out, r.ff = take(t*c.Hidden), take(t*c.Hidden), take(ff)
		r.slotX, r.slotY = take(slots*c.Hidden), take(slots*c.Hidden)
		r.headX, r.headNorm = take(headRows*c.Hidden), take(headRows*c.Hidden)
		r.logits, r.lse = take(headTile), take(n)
		for i := range r.tiles {
			r.tiles[i].Cut(take, &e.attn, why == toTrain, c.AttentionCap > 0)
		}
		if why == toTrain {
			wide := t * e.attn.Wide()
			r.grads = gradients{
				x: take(t * c.Hidden), half: some(c.Parallel || c.Norms != model.NormBefore, t*c.Hidden), norm: take(t * c.Hidden),
				qkv: take(wide), unclipped: some(c.ClipQKV > 0, wide), attn: take(t * c.Heads * c.HeadDim), delta: take(t * c.Heads),
				gateUp: take(opened), ff: take(ff),
				head: take(headRows * c.Hidden), tile: take(headRows * c.Hidden),
				slopes: some(c.LogitCap > 0, headTile), slot: take(slots),
				sweep: e.attn.NewSweep(p.groups, e.pool.Threads()),
			}
			if r.grads.sweep == nil {
				r.grads.keys = e.attn.KeyTasks(p.groups)
			}
			if c.Experts != nil {
				r.grads.router = take(t * c.Experts.Count)
			}
		}
	})
	return r
}

func (e *Engine) newActivations(t, opened int, some func(bool, int) []float32) activations {
	c := e.cfg
	take := func(n int) []float32 { return some(true, n) }
	a := activations{
		raw: some(keepsRaw(c), t*e.attn.Wide()), qkv: take(t * e.attn.Wide()), attn: take(t * c.Heads * c.HeadDim), lse: take(t * c.Heads),
		attnOut: some(c.Norms != model.NormBefore, t*c.Hidden), mid: take(t * c.Hidden),
		gateUp: take(opened), mlpOut: some(c.Norms != model.NormBefore, t*c.Hidden),
	}
	if c.Experts != nil {
		a.mixture = newMixture(c.Experts, t, take)
	}
	return a
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
