package cpu

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

// Activations are what a layer's backward pass reads. Norms and the gated product are computed again instead.
type activations struct {
	qkv  []float32 // (T, (H+2G)·D) queries, keys and values of a token, rotated
	attn []float32 // (T, H·D) attention's output
	lse  []float32 // (T, H) logsumexp of a query's scores
	mid  []float32 // (T, C) the residual stream between attention and feed-forward
	gate []float32 // (T, F)
	up   []float32 // (T, F)
}

// A run is a batch on its way through the model: its plan and its buffers.
type run struct {
	*plan
	x      [][]float32   // (layers+1) of (T, C): the residual stream before each layer, and after the last
	layers []activations // a layer's own where a backward pass follows; else all are the same memory

	norm []float32 // (T, C) a normalized residual stream
	out  []float32 // (T, C) what a layer's half adds to the residual stream
	ff   []float32 // (T, F) the gated product

	headX    []float32   // (tokens of a head tile, C) rows that predict, gathered
	headNorm []float32   // (tokens of a head tile, C) the same, normalized
	logits   []float32   // a head tile
	lse      []float32   // (N) logsumexp of the logits
	tiles    []attnTile  // one a worker
	tasks    []queryTask // of attention
	grads    gradients
}

// Gradients are the buffers of a backward pass.
type gradients struct {
	x     []float32 // (T, C) of the residual stream
	norm  []float32 // (T, C) of a normalized one
	qkv   []float32 // (T, (H+2G)·D)
	attn  []float32 // (T, H·D)
	delta []float32 // (T, H) attn·dattn of every head
	gate  []float32 // (T, F)
	up    []float32 // (T, F)
	ff    []float32 // (T, F)
	scale []float32 // (T) r of a norm's rows
	head  []float32 // (tokens of a head tile, C)
	tile  []float32 // (tokens of a head tile, C) what one tile adds to head
	tasks []keyTask // of attention
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
	r := &run{plan: p, tasks: e.attn.queryTasks(p), tiles: make([]attnTile, e.pool.Threads())}
	headRows := min(n, e.headRows)
	wide := (c.Heads + 2*c.KVHeads) * c.HeadDim
	layerActivations := func(take func(int) []float32) activations {
		return activations{
			qkv: take(t * wide), attn: take(t * c.Heads * c.HeadDim), lse: take(t * c.Heads),
			mid: take(t * c.Hidden), gate: take(t * c.Intermediate), up: take(t * c.Intermediate),
		}
	}
	e.arena.cut(func(take func(int) []float32) {
		r.x, r.layers = [][]float32{take(t * c.Hidden)}, nil
		for i := range c.Layers {
			if i == 0 || why == toTrain {
				r.layers = append(r.layers, layerActivations(take))
				r.x = append(r.x, take(t*c.Hidden))
			} else {
				r.layers = append(r.layers, r.layers[0])
				r.x = append(r.x, r.x[i-1]) // two buffers, by turns
			}
		}
		r.norm, r.out, r.ff = take(t*c.Hidden), take(t*c.Hidden), take(t*c.Intermediate)
		r.headX, r.headNorm = take(headRows*c.Hidden), take(headRows*c.Hidden)
		r.logits, r.lse = take(headRows*min(c.Vocab, e.headVocab)), take(n)
		for i := range r.tiles {
			r.tiles[i].cut(take, &e.attn, why)
		}
		if why == toTrain {
			r.grads = gradients{
				x: take(t * c.Hidden), norm: take(t * c.Hidden),
				qkv: take(t * wide), attn: take(t * c.Heads * c.HeadDim), delta: take(t * c.Heads),
				gate: take(t * c.Intermediate), up: take(t * c.Intermediate), ff: take(t * c.Intermediate),
				scale: take(max(t, headRows)), head: take(headRows * c.Hidden), tile: take(headRows * c.Hidden),
				tasks: e.attn.keyTasks(p),
			}
		}
	})
	return r
}
