package cpu

import (
	"cmp"
	"slices"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
)

// A mixture of experts gives a token x
//
//	Σ w_j·expert_j(x) over the K most probable experts, p = softmax(router·x), w_j = p_j, or p_j/Σ p where they are normalized
//
// Tokens are gathered by expert, so that each is a product of whole matrices; a row's values depend on its own token alone, and a token's
// experts are summed in their order. Of equal probabilities the first counts.
//
// A mixture is how a layer spread the tokens. Legend: E experts, K of them a token, S = T·K slots, sorted by expert and then by token.
type mixture struct {
	probs   []float32 // (T, E)
	weights []float32 // (T, K)
	slots   []int32   // (T, K) where a token's row stands among those of its experts, in the experts' order
	experts []int32   // (T, K) which they are
	tokens  []int32   // (S) the token of a slot
	ends    []int32   // (E) the slot behind an expert's last
}

// openExperts chooses the experts of x (T, C) and computes their gateUp.
func (e *Engine) openExperts(r *run, w *layer, l *activations, x []float32) {
	c, m := e.cfg.Hidden, &l.mixture
	e.route(w, m, x)
	if r.routers != nil {
		e.tallyRouters(r, m)
	}
	e.gather(r.slotX, x, m)
	e.eachExpert(w, m, func(net *network, from, to int) {
		e.open(net, l.gateUp[from*net.wide():to*net.wide()], r.slotX[from*c:to*c])
	})
}

// closeExperts computes out (T, C), what the layer's experts give.
func (e *Engine) closeExperts(r *run, w *layer, l *activations, out []float32) {
	c, m, k := e.cfg.Hidden, &l.mixture, e.cfg.Experts.TopK
	e.eachExpert(w, m, func(net *network, from, to int) {
		gateUp, ff := l.gateUp[from*net.wide():to*net.wide()], r.ff[from*net.width():to*net.width()]
		e.activate(net, ff, gateUp)
		e.weigh(m, ff, net.width(), from)
		e.apply(&net.down, r.slotY[from*c:], c, ff)
	})
	e.loops.merging = merging{out, r.slotY, m.slots, k, c}
	e.threads.Each(len(out)/c, &e.loops.merging)
}

// merging sums what a token's experts give.
type merging struct {
	y, slotY []float32
	slots    []int32
	k, c     int
}

func (l *merging) Row(t int) {
	y := l.y[t*l.c:][:l.c]
	clear(y)
	for _, slot := range l.slots[t*l.k:][:l.k] {
		simd.Add(y, l.slotY[int(slot)*l.c:][:l.c])
	}
}

// mixBackward takes dout (T, C) to the gradient of x, in r.grads.norm.
func (e *Engine) mixBackward(r *run, w *layer, l *activations, x, dout []float32) {
	c, m, k, d := e.cfg.Hidden, &l.mixture, e.cfg.Experts.TopK, &r.grads
	e.gather(r.slotX, x, m)
	e.gather(r.slotY, dout, m)
	e.eachExpert(w, m, func(net *network, from, to int) {
		f, wide := net.width(), net.wide()
		gateUp, ff := l.gateUp[from*wide:to*wide], r.ff[from*f:to*f]
		dGateUp, dff, dy := d.gateUp[from*wide:to*wide], d.ff[from*f:to*f], r.slotY[from*c:to*c]
		e.activate(net, ff, gateUp)
		e.weigh(m, ff, f, from)
		e.applyBackward(&net.down, dff, replace, dy, c, ff)
		// expert(x) = down·ff, so w's slope, expert(x)·dout, is ff·(downᵀ·dout).
		e.activate(net, ff, gateUp)
		e.loops.weightSlope = weightSlope{d.slot[from:to], ff, dff, f}
		e.threads.Each(to-from, &e.loops.weightSlope)
		e.weigh(m, dff, f, from)
		e.activateBackward(net, dGateUp, dff, gateUp, ff)
		e.openBackward(net, r.slotY[from*c:to*c], dGateUp, r.slotX[from*c:to*c]) // dy is read no more
	})
	e.loops.merging = merging{d.norm, r.slotY, m.slots, k, c}
	e.threads.Each(len(x)/c, &e.loops.merging)
	e.loops.unrouting = unrouting{e, r, m}
	e.threads.Each(len(x)/c, &e.loops.unrouting)
	e.applyBackward(&w.router, d.norm, accumulate, d.router, e.cfg.Experts.Count, x)
}

// weightSlope computes the slope of the weight of a slot's expert.
type weightSlope struct {
	slope, ff, dff []float32
	f              int
}

func (l *weightSlope) Row(i int) { l.slope[i] = simd.Dot(l.ff[i*l.f:][:l.f], l.dff[i*l.f:][:l.f]) }

// route chooses every token's experts.
func (e *Engine) route(w *layer, m *mixture, x []float32) {
	e.apply(&w.router, m.probs, e.cfg.Experts.Count, x)
	e.loops.routing = routing{m, e.cfg.Experts}
	e.threads.Each(len(x)/e.cfg.Hidden, &e.loops.routing)
	m.sort(e.cfg.Experts.TopK)
}

// routing chooses a token's experts.
type routing struct {
	*mixture
	*model.Experts
}

func (l *routing) Row(t int) {
	p := l.probs[t*l.Count:][:l.Count]
	simd.Scale(p, 1/simd.ExpSum(p, p, simd.Max(p)))
	chosen := l.experts[t*l.TopK:][:l.TopK]
	mostProbable(chosen, p)
	weights, sum := l.weights[t*l.TopK:][:l.TopK], float32(1)
	if l.Normalize {
		sum = 0
		for _, x := range chosen {
			sum += p[x]
		}
	}
	for j, x := range chosen {
		weights[j] = p[x] / sum
	}
}

// mostProbable fills chosen with the places of the greatest of p, in their order.
func mostProbable(chosen []int32, p []float32) {
	n := 0
	for x := range p { // chosen[:n] is sorted by probability, greatest first
		at := n
		for at > 0 && p[x] > p[chosen[at-1]] {
			at--
		}
		if at == len(chosen) {
			continue
		}
		n = min(n+1, len(chosen))
		copy(chosen[at+1:n], chosen[at:n-1])
		chosen[at] = int32(x)
	}
	slices.SortFunc(chosen, cmp.Compare[int32])
}

// sort gives every choice of a token its slot.
func (m *mixture) sort(k int) {
	clear(m.ends)
	for _, x := range m.experts {
		m.ends[x]++
	}
	from := int32(0)
	for x, n := range m.ends {
		m.ends[x] = from // its first slot, until it is filled
		from += n
	}
	for i, x := range m.experts {
		m.slots[i], m.tokens[m.ends[x]] = m.ends[x], int32(i/k)
		m.ends[x]++
	}
}

// eachExpert calls f for every expert that has tokens, with its slots.
func (e *Engine) eachExpert(w *layer, m *mixture, f func(net *network, from, to int)) {
	from := 0
	for x := range w.expert {
		to := int(m.ends[x])
		if to > from {
			f(&w.expert[x], from, to)
		}
		from = to
	}
}

// gather copies every slot's token from x (T, C) to y (S, C).
func (e *Engine) gather(y, x []float32, m *mixture) {
	e.loops.gathering = gathering{y, x, m.tokens, e.cfg.Hidden}
	e.threads.Each(len(m.tokens), &e.loops.gathering)
}

// weigh multiplies the rows (n, f) of slots from on by their weights.
func (e *Engine) weigh(m *mixture, rows []float32, f, from int) {
	e.loops.weighing = weighing{m, rows, f, from, e.cfg.Experts.TopK}
	e.threads.Each(len(rows)/f, &e.loops.weighing)
}

// weighing multiplies a slot's row.
type weighing struct {
	*mixture
	rows       []float32
	f, from, k int
}

func (l *weighing) Row(i int) {
	slot := int32(l.from + i)
	at := int(l.tokens[slot]) * l.k
	j := slices.Index(l.slots[at:][:l.k], slot)
	simd.Scale(l.rows[i*l.f:][:l.f], l.weights[at+j])
}

// unrouting takes the slopes of a token's weights to the gradient of its router's logits, in r.grads.router. With s the sum of the
// chosen probabilities, where they are normalized:
//
//	dp_j = dw_j, or (dw_j − Σ dw·w)/s        dlogit = p∘(dp − Σ dp·p)
//
// The auxiliary loss adds its own to every dp.
type unrouting struct {
	e *Engine
	r *run
	m *mixture
}

func (l *unrouting) Row(t int) {
	e, r, m := l.e, l.r, l.m
	n, k, d := e.cfg.Experts.Count, e.cfg.Experts.TopK, &r.grads
	p, dp := m.probs[t*n:][:n], d.router[t*n:][:n]
	chosen, weights, slots := m.experts[t*k:][:k], m.weights[t*k:][:k], m.slots[t*k:][:k]
	clear(dp)
	if aux := d.dRouter; aux != nil {
		for x, slope := range aux[r.groupOf[t]] {
			dp[x] = float32(r.copies[t] * slope)
		}
	}
	sum, common := float32(1), float32(0)
	if e.cfg.Experts.Normalize {
		sum = 0
		for j, x := range chosen {
			sum += p[x]
			common += float32(d.slot[slots[j]] * weights[j])
		}
	}
	for j, x := range chosen {
		dp[x] += (d.slot[slots[j]] - common) / sum
	}
	mean := simd.Dot(dp, p)
	for x := range dp {
		dp[x] = float32(p[x] * (dp[x] - mean))
	}
}

// tallyRouters adds a layer's routing to the sums of every group.
func (e *Engine) tallyRouters(r *run, m *mixture) {
	e.loops.tallyingRouters = tallyingRouters{m, e.cfg.Experts, r}
	e.threads.Each(len(r.groups), &e.loops.tallyingRouters)
}

// tallyingRouters adds a group's routing to its sums.
type tallyingRouters struct {
	*mixture
	*model.Experts
	r *run
}

func (l *tallyingRouters) Row(g int) {
	to := &l.r.routers[g]
	for _, s := range l.r.groups[g] {
		for t := s.Row; t < s.Row+s.N; t++ {
			copies := float64(l.r.copies[t])
			to.Tokens += copies
			for x, p := range l.probs[t*l.Count:][:l.Count] {
				to.Prob[x] += float64(copies * float64(p))
			}
			for _, x := range l.experts[t*l.TopK:][:l.TopK] {
				to.Chosen[x] += copies
			}
		}
	}
}
