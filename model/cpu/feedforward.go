package cpu

import "github.com/steelyard-ml/steelyard/model/cpu/internal/activation"

// A feed-forward network of a layer, or of one expert on the rows that it was given. Legend: n rows; F its width; W = 2F with a gate, whose
// output stands before up's in a row, else F.

// openMLP computes what the second half of a layer begins with: l.gateUp, and which experts a token of x has.
func (e *Engine) openMLP(r *run, w *layer, l *activations, x []float32) {
	if w.expert != nil {
		e.openExperts(r, w, l, x)
		return
	}
	e.open(&w.mlp, l.gateUp, x)
}

// closeMLP computes from there what the second half gives, out.
func (e *Engine) closeMLP(r *run, w *layer, l *activations, out []float32) {
	if w.expert != nil {
		e.closeExperts(r, w, l, out)
		return
	}
	ff := r.ff[:len(out)/e.cfg.Hidden*w.mlp.width()]
	e.activate(&w.mlp, ff, l.gateUp)
	e.apply(&w.mlp.down, out, e.cfg.Hidden, ff)
}

// backwardMLP takes the gradient dout of the second half's output to that of x, in r.grads.norm.
func (e *Engine) backwardMLP(r *run, w *layer, l *activations, x, dout []float32) {
	d := &r.grads
	if w.expert != nil {
		e.mixBackward(r, w, l, x, dout)
		return
	}
	n := len(r.tokens) * w.mlp.width()
	e.activate(&w.mlp, r.ff[:n], l.gateUp)
	e.applyBackward(&w.mlp.down, d.ff, replace, dout, e.cfg.Hidden, r.ff[:n])
	e.activateBackward(&w.mlp, d.gateUp, d.ff[:n], l.gateUp, r.ff[:n])
	e.openBackward(&w.mlp, d.norm, d.gateUp, x)
}

// width returns F.
func (w *network) width() int { return w.down.w.Cols }

// gated says whether the network has a gate.
func (w *network) gated() bool { return w.gate.w.Rows > 0 || w.gateUp.w.Rows > 0 }

// wide returns W.
func (w *network) wide() int {
	if w.gated() {
		return 2 * w.width()
	}
	return w.width()
}

// open computes gateUp (n, W) from x (n, C).
func (e *Engine) open(w *network, gateUp, x []float32) {
	switch {
	case w.gateUp.w.Rows > 0:
		e.apply(&w.gateUp, gateUp, w.wide(), x)
	case w.gated():
		e.apply(&w.gate, gateUp, w.wide(), x)
		e.apply(&w.up, gateUp[w.width():], w.wide(), x)
	default:
		e.apply(&w.up, gateUp, w.wide(), x)
	}
}

// openBackward takes dGateUp (n, W) to dx (n, C).
func (e *Engine) openBackward(w *network, dx, dGateUp, x []float32) {
	switch {
	case w.gateUp.w.Rows > 0:
		e.applyBackward(&w.gateUp, dx, replace, dGateUp, w.wide(), x)
	case w.gated():
		e.applyBackward(&w.gate, dx, replace, dGateUp, w.wide(), x)
		e.applyBackward(&w.up, dx, accumulate, dGateUp[w.width():], w.wide(), x)
	default:
		e.applyBackward(&w.up, dx, replace, dGateUp, w.wide(), x)
	}
}

// activate computes ff (n, F) from gateUp (n, W).
func (e *Engine) activate(w *network, ff, gateUp []float32) {
	e.loops.activating = activating{e.act, w.gated(), w.width(), ff, gateUp}
	e.threads.Each(len(ff)/w.width(), &e.loops.activating)
}

// activateBackward takes dff (n, F) to dGateUp (n, W). It overwrites ff.
func (e *Engine) activateBackward(w *network, dGateUp, dff, gateUp, ff []float32) {
	e.loops.deactivating = deactivating{e.act, w.gated(), w.width(), dGateUp, dff, gateUp, ff}
	e.threads.Each(len(dff)/w.width(), &e.loops.deactivating)
}

// activating computes a row of ff.
type activating struct {
	act        activation.Func
	gated      bool
	f          int
	ff, gateUp []float32
}

func (l *activating) Row(i int) {
	ff := l.ff[i*l.f:][:l.f]
	if !l.gated {
		l.act.Plain(ff, l.gateUp[i*l.f:][:l.f])
		return
	}
	row := l.gateUp[2*i*l.f:][:2*l.f]
	l.act.Gated(ff, row[:l.f], row[l.f:])
}

// deactivating computes a row of dGateUp.
type deactivating struct {
	act                      activation.Func
	gated                    bool
	f                        int
	dGateUp, dff, gateUp, ff []float32
}

func (l *deactivating) Row(i int) {
	dff := l.dff[i*l.f:][:l.f]
	if !l.gated {
		l.act.PlainGrad(l.dGateUp[i*l.f:][:l.f], l.ff[i*l.f:][:l.f], dff, l.gateUp[i*l.f:][:l.f])
		return
	}
	d, row := l.dGateUp[2*i*l.f:][:2*l.f], l.gateUp[2*i*l.f:][:2*l.f]
	l.act.GatedGrad(d[:l.f], d[l.f:], dff, row[:l.f], row[l.f:])
}
