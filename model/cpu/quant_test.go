package cpu

import (
	"errors"
	"math"
	"path/filepath"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
	"github.com/steelyard-ml/steelyard/model/checkpoint/quant"
)

// The golden models' linear layers in bitsandbytes' NF4, with and without double quantization, give its log-probabilities.
func TestGoldenLogpsInFourBits(t *testing.T) {
	dir := tol.Golden(t, "models/llama")
	var g golden
	readJSON(t, filepath.Join(dir, "golden.json"), &g)
	var inBits struct{ Plain, Nested []goldenPair }
	path := tol.Golden(t, "nf4/llama_nf4_logps.json")
	readJSON(t, path, &inBits)
	for name, pairs := range map[string][]goldenPair{"plain": inBits.Plain, "nested": inBits.Nested} {
		t.Run(name, func(t *testing.T) {
			d, c := open(t, dir, "config.json")
			if err := d.Quantize(c, quant.Scheme{Type: quant.NF4, BlockSize: 64, Nested: name == "nested"}); err != nil {
				t.Fatal(err)
			}
			e, err := NewScorer(d, c, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			b, _ := g.batch()
			want := (&golden{Pairs: pairs}).logps()
			got, err := e.Score(t.Context(), b, 0)
			if err != nil {
				t.Fatal(err)
			}
			compareLogps(t, got.Logp, want, 1e-5)
		})
	}
}

func (g *golden) logps() (want []float64) {
	for _, p := range g.Pairs {
		want = append(append(want, p.ChosenLogps...), p.RejectedLogps...)
	}
	return want
}

// Scores and gradients over weights in 4 bits have the bits of those over the same numbers as float32s.
func TestFourBitsAreTheirNumbers(t *testing.T) {
	for _, name := range []string{"llama", "llama3_scaled_tied", "gpt2", "mixtral", "phi3"} {
		for _, s := range []quant.Scheme{{Type: quant.NF4, BlockSize: 64}, {Type: quant.FP4, BlockSize: 32, Nested: true}} {
			t.Run(name+" "+s.String(), func(t *testing.T) {
				dir := tol.Golden(t, "models/"+name)
				var g golden
				readJSON(t, filepath.Join(dir, "golden.json"), &g)
				b, _ := g.batch()
				d, c := open(t, dir, "config.json")
				if err := d.Quantize(c, s); err != nil {
					t.Fatal(err)
				}
				wide := filepath.Join(t.TempDir(), "wide")
				var all []checkpoint.Named
				for _, spec := range c.Tensors() {
					all = append(all, widen(t, d, spec))
				}
				if err := checkpoint.Save(wide, d, all); err != nil {
					t.Fatal(err)
				}
				w, _ := open(t, wide, "config.json")
				var logps, grads [2][]float32
				for i, d := range []*checkpoint.Dir{d, w} {
					config := adapter.DefaultConfig()
					config.TargetModules.Expr = adapter.AllLinear
					if c.Experts != nil {
						config.TargetModules = adapter.Names{Ends: []string{"q_proj", "v_proj"}}
					}
					a, err := adapter.New(config, d, c, 1)
					if err != nil {
						t.Fatal(err)
					}
					e, err := NewTrainable(d, c, Options{Threads: 1 + i, Adapter: a})
					if err != nil {
						t.Fatal(err)
					}
					defer e.Close()
					got, err := e.Forward(t.Context(), b, 0)
					if err != nil {
						t.Fatal(err)
					}
					logps[i] = got.Logp
					_, slope := g.dLogp(got.Logp)
					if err := e.Backward(t.Context(), slope, nil); err != nil {
						t.Fatal(err)
					}
					for _, p := range e.Params() {
						grads[i] = append(grads[i], p.Grad...)
					}
				}
				bits(t, "logp", logps)
				bits(t, "gradient", grads)
				if _, err := NewTrainable(d, c, Options{}); !errors.Is(err, ErrFrozen) {
					t.Errorf("training weights in 4 bits gives %v, want ErrFrozen", err)
				}
			})
		}
	}
}

// bits compares what weights in 4 bits give with what the same numbers in float32 give.
func bits(t *testing.T, what string, got [2][]float32) {
	t.Helper()
	for i := range got[1] {
		if math.Float32bits(got[0][i]) != math.Float32bits(got[1][i]) {
			t.Fatalf("%s %d is %v in 4 bits and %v in float32", what, i, got[0][i], got[1][i])
		}
	}
}

// widen returns the numbers of a tensor in the shape that the configuration asks for.
func widen(t *testing.T, d *checkpoint.Dir, spec model.TensorSpec) checkpoint.Named {
	t.Helper()
	w, err := d.Tensor(spec.Name)
	if err != nil {
		t.Fatal(err)
	}
	linear := spec.Kind == model.Linear || spec.Kind == model.Conv1D
	if linear != (w.Quant != nil) {
		t.Errorf("%s is held in 4 bits: %v", spec.Name, w.Quant != nil)
	}
	out := checkpoint.Named{Name: spec.Name, Shape: spec.Shape, Data: make([]float32, w.Len())}
	w.Widen(out.Data, 0)
	if spec.Kind == model.Conv1D {
		wide, rows, cols := out.Data, w.Shape[0], w.Shape[1]
		out.Data = make([]float32, len(wide))
		for i := range rows {
			for j := range cols {
				out.Data[j*rows+i] = wide[i*cols+j]
			}
		}
	}
	return out
}
