package cpu

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
	"github.com/steelyard-ml/steelyard/model/checkpoint/quant"
)

// randomAdapter adapts every linear module of a small model, each with a rank and a scaling of its own, and trains the tensors whole
// that saved names. B is size times a normal number.
func randomAdapter(s small, w map[string][]float32, size float64, saved ...string) *adapter.Adapter {
	r := rand.New(rand.NewPCG(21, 1))
	tensor := func(name string, shape []int, value func() float64) checkpoint.Tensor {
		t := checkpoint.Tensor{Name: name, DType: checkpoint.F32, Shape: shape}
		for range t.Len() {
			t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(float32(value())))
		}
		return t
	}
	a := &adapter.Adapter{}
	specs := s.model().Tensors()
	for _, spec := range specs {
		if spec.Kind != model.Linear {
			continue
		}
		rank := 1 + len(a.Modules)%5
		name := strings.TrimSuffix(spec.Name, ".weight")
		a.Modules = append(a.Modules, adapter.Module{Name: name, Scale: 0.5 + float32(len(a.Modules))/8,
			A: tensor(name+".A", []int{rank, spec.Shape[1]}, func() float64 { return r.NormFloat64() * 0.3 }),
			B: tensor(name+".B", []int{spec.Shape[0], rank}, func() float64 { return r.NormFloat64() * size })})
	}
	head := model.TensorSpec{Name: names.Head + ".weight", Shape: []int{s.cfg.Vocab, s.cfg.Hidden}, Kind: model.Head}
	for _, spec := range append(specs, head) {
		if !slices.Contains(saved, spec.Name) || slices.ContainsFunc(a.Saved, func(x adapter.Saved) bool { return x.Base.Name == spec.Name }) {
			continue
		}
		values := w[spec.Name]
		if values == nil { // a tied head
			values = w[names.Embed+".weight"]
		}
		i := -1
		a.Saved = append(a.Saved, adapter.Saved{Base: spec, Tensor: tensor(spec.Name, spec.Shape, func() float64 {
			i++
			return float64(values[i]) + size*r.NormFloat64()
		})})
	}
	return a
}

// adapted returns an engine on frozen weights with an adapter.
func (s small) adapted(t testing.TB, w map[string][]float32, as checkpoint.DType, train bool, o Options) *Engine {
	t.Helper()
	e, err := newFrozen(s.model(), stored(s.model(), w, as), train, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return s.resize(e)
}

// merged returns the weights W + s·B·A in float64, with what the adapter trains whole in its place.
func merged(w map[string][]float32, a *adapter.Adapter, values map[string][]float64) map[string][]float64 {
	out := newReference(nil, w).w
	for _, m := range a.Modules {
		r, in := m.A.Shape[0], m.A.Shape[1]
		into, wa, wb := out[m.Name+".weight"], values[m.A.Name], values[m.B.Name]
		for i := range into {
			for k := range r {
				into[i] += float64(m.Scale) * wb[i/in*r+k] * wa[k*in+i%in]
			}
		}
	}
	for _, s := range a.Saved {
		out[s.Base.Name] = values[s.Tensor.Name]
	}
	return out
}

// float64s are the values of an adapter's tensors by name.
func float64s(a *adapter.Adapter) map[string][]float64 {
	out := map[string][]float64{}
	add := func(t checkpoint.Tensor) {
		x := make([]float32, t.Len())
		t.Widen(x, 0)
		for _, v := range x {
			out[t.Name] = append(out[t.Name], float64(v))
		}
	}
	for _, m := range a.Modules {
		add(m.A)
		add(m.B)
	}
	for _, s := range a.Saved {
		add(s.Tensor)
	}
	return out
}

// everySaved are sets of modules that are trained whole; in a tied model a head of its own stays apart from the embedding.
var everySaved = [][]string{nil, {"embed.weight"}, {"head.weight"}, {"embed.weight", "head.weight", "norm.weight", "0.attn_norm.weight"}}

// An adapted model gives the values of W + s·B·A, and its gradients are those of A, B and what is trained whole by central differences
// of the float64 reference.
func TestAdapterGradientsAgainstDifferences(t *testing.T) {
	for i, s := range smalls {
		t.Run(s.name, func(t *testing.T) {
			w := randomWeights(s.model(), 7)
			a := randomAdapter(s, w, 0.2, everySaved[i]...)
			data := samples(s.cfg.Vocab, 11)[:4]
			b := batchOf(data...)
			dLogp := randomGradient(b.Scored(), 5)
			e := s.adapted(t, w, checkpoint.BF16, true, Options{Adapter: a})
			scores, grads := train(t, e, b, dLogp)
			values := float64s(a)
			predict := func() (out []float64) {
				c := s.model()
				ref := reference{c, merged(w, a, values)}
				if c.Tied {
					c.Tied = false
					if ref.w["head.weight"] == nil {
						ref.w["head.weight"] = newReference(nil, w).w["embed.weight"]
					}
				}
				for _, x := range data {
					for _, p := range ref.predict(x) {
						out = append(out, p.logp)
					}
				}
				return out
			}
			for i, want := range predict() {
				if !(math.Abs(float64(scores.Logp[i])-want) <= 1e-5*(1+math.Abs(want))) {
					t.Errorf("token %d: logp %v, want %v", i, scores.Logp[i], want)
				}
			}
			loss := func() (sum float64) {
				for i, p := range predict() {
					sum += float64(dLogp[i]) * p
				}
				return sum
			}
			if len(grads) != len(values) {
				t.Errorf("%d parameters, want %d", len(grads), len(values))
			}
			r := rand.New(rand.NewPCG(9, 9))
			for _, p := range e.Params() {
				compareSlope(t, p.Name, r, values[p.Name], grads[p.Name], loss)
			}
		})
	}
}

// With B = 0 an adapter changes no bit of any value, whatever the type of the weights and whether it is trained.
func TestAdapterThatChangesNothing(t *testing.T) {
	for i, s := range smalls {
		t.Run(s.name, func(t *testing.T) {
			w := randomWeights(s.model(), 3)
			a := randomAdapter(s, w, 0, everySaved[i]...)
			b := batchOf(samples(s.cfg.Vocab, 4)...)
			for _, as := range []checkpoint.DType{checkpoint.F32, checkpoint.BF16, checkpoint.F16} {
				want := score(t, s.scorer(t, w, as, Options{}), b, wantAll)
				if diff := cmp.Diff(want, score(t, s.adapted(t, w, as, false, Options{Adapter: a}), b, wantAll)); diff != "" {
					t.Errorf("%s: other bits:\n%s", as, diff)
				}
				forward, _ := train(t, s.adapted(t, w, as, true, Options{Adapter: a}), b, randomGradient(b.Scored(), 1))
				if diff := cmp.Diff(want.Logp, forward.Logp); diff != "" {
					t.Errorf("%s, trainable: other bits:\n%s", as, diff)
				}
			}
		})
	}
}

// A pair's values are the same bits alone and among others, on any number of threads, scored and trained; so are gradients of threads.
func TestAdapterSameBits(t *testing.T) {
	for i, s := range smalls {
		t.Run(s.name, func(t *testing.T) {
			w := randomWeights(s.model(), 3)
			a := randomAdapter(s, w, 0.2, everySaved[i]...)
			data := samples(s.cfg.Vocab, 4)
			b := batchOf(data...)
			want := score(t, s.adapted(t, w, checkpoint.F32, false, Options{Adapter: a, Threads: 1}), b, 0).Logp
			if diff := cmp.Diff(want, score(t, s.scorer(t, w, checkpoint.F32, Options{}), b, 0).Logp); diff == "" {
				t.Error("the adapter changes nothing")
			}
			e := s.adapted(t, w, checkpoint.BF16, false, Options{Adapter: a, Threads: 3})
			var alone []float32
			for _, x := range data {
				alone = append(alone, score(t, e, batchOf(x), 0).Logp...)
			}
			var grads map[string][]float32
			for _, threads := range []int{1, 2, 7} {
				forward, g := train(t, s.adapted(t, w, checkpoint.F32, true, Options{Adapter: a, Threads: threads}), b, randomGradient(b.Scored(), 6))
				if grads == nil {
					grads = g
				}
				if diff := cmp.Diff(want, forward.Logp) + cmp.Diff(grads, g); diff != "" {
					t.Errorf("%d threads: other bits:\n%s", threads, diff)
				}
			}
			if diff := cmp.Diff(want, alone); diff != "" {
				t.Errorf("alone: other bits:\n%s", diff)
			}
		})
	}
}

// An adapter of another model is refused.
func TestAdapterOfAnotherModel(t *testing.T) {
	w := randomWeights(smalls[3].model(), 3)
	a := randomAdapter(smalls[0], randomWeights(smalls[0].model(), 3), 1)
	_, err := newFrozen(smalls[3].model(), stored(smalls[3].model(), w, checkpoint.F32), true, Options{Adapter: a})
	if err == nil || !strings.Contains(err.Error(), "module 0.q of 20 inputs") {
		t.Errorf("got error %v, want one that names a module", err)
	}
}

// What is trained whole can't be held in 4 bits.
func TestSavedModuleInFourBits(t *testing.T) {
	d, c := open(t, tol.Golden(t, "models/llama"), "config.json")
	if err := d.Quantize(c, quant.Scheme{Type: quant.NF4, BlockSize: 64}); err != nil {
		t.Fatal(err)
	}
	a := &adapter.Adapter{}
	for _, spec := range c.Tensors() {
		if strings.HasSuffix(spec.Name, "layers.1.mlp.up_proj.weight") {
			a.Saved = append(a.Saved, adapter.Saved{Base: spec})
		}
	}
	if _, err := NewTrainable(d, c, Options{Adapter: a}); err == nil || !strings.Contains(err.Error(), "model.layers.1.mlp.up_proj.weight, which is held in 4 bits") {
		t.Errorf("got error %v", err)
	}
}

// The backward pass ends where nothing below is trained: the gradients are what they are when it goes on, and fewer products are computed.
func TestBackwardEndsAtTheLowestTrained(t *testing.T) {
	for _, s := range everyKind {
		if s.model().Names.Transposed {
			continue // randomAdapter adapts Linear modules alone
		}
		t.Run(s.name, func(t *testing.T) {
			w := randomWeights(s.model(), 3)
			b := batchOf(samples(s.cfg.Vocab, 4)...)
			d := randomGradient(b.Scored(), 6)
			for from := range s.cfg.Layers {
				step := func(whole bool) (map[string][]float32, int) {
					a := randomAdapter(s, w, 0.3)
					a.Modules = slices.DeleteFunc(a.Modules, func(m adapter.Module) bool {
						return !slices.ContainsFunc([]int{from, s.cfg.Layers - 1}, func(i int) bool { return strings.HasPrefix(m.Name, model.Layer("*", i)+".") })
					})
					e := s.adapted(t, w, checkpoint.F32, true, Options{Adapter: a})
					if e.lowest != from || e.below {
						t.Fatalf("the lowest trained layer is %d, and below it %v; want %d", e.lowest, e.below, from)
					}
					if whole {
						e.lowest, e.below = 0, true
					}
					_, grads := train(t, e, b, d)
					return grads, e.rows.backward
				}
				want, most := step(true)
				got, rows := step(false)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("adapted from layer %d: %s", from, diff)
				}
				if rows >= most {
					t.Errorf("adapted from layer %d: products went over %d rows, and over %d when it goes on", from, rows, most)
				}
			}
		})
	}
}
