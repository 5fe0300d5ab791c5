package cpu

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/family"
)

// A golden is what transformers computed in float64 for a small random checkpoint (testdata/goldens/README.md).
type golden struct {
	Beta, Loss float64
	Pairs      []goldenPair
}

type goldenPair struct {
	Prompt        []int32   `json:"prompt_ids"`
	Chosen        []int32   `json:"chosen_ids"`
	Rejected      []int32   `json:"rejected_ids"`
	ChosenLogps   []float64 `json:"chosen_logps"`
	RejectedLogps []float64 `json:"rejected_logps"`
	RefChosen     float64   `json:"ref_chosen_logp"`
	RefRejected   float64   `json:"ref_rejected_logp"`
}

var goldenModels = []struct{ name, model, config string }{
	{"llama", "models/llama", "config.json"},
	{"llama3 scaled, tied", "models/llama3_scaled_tied", "config.json"},
	{"llama3 scaled, tied, old spelling", "models/llama3_scaled_tied", "config.legacy.json"},
	{"mistral, window", "models/mistral_window", "config.json"},
	{"qwen2", "models/qwen2", "config.json"},
	{"qwen3", "models/qwen3", "config.json"},
	{"qwen3 moe", "models/qwen3_moe", "config.json"},
	{"gemma", "models/gemma", "config.json"},
	{"gemma2", "models/gemma2", "config.json"},
	{"gemma3", "models/gemma3", "config.json"},
	{"phi3", "models/phi3", "config.json"},
	{"olmo2", "models/olmo2", "config.json"},
	{"olmo3", "models/olmo3", "config.json"},
	{"olmoe", "models/olmoe", "config.json"},
	{"smollm3", "models/smollm3", "config.json"},
	{"gpt2", "models/gpt2", "config.json"},
	{"gpt neox", "models/gpt_neox", "config.json"},
	{"mixtral", "models/mixtral", "config.json"},
}

// open returns a golden's checkpoint and configuration.
func open(t testing.TB, dir, config string) (*checkpoint.Dir, *model.Config) {
	t.Helper()
	d, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	text, err := os.ReadFile(filepath.Join(dir, config))
	if err != nil {
		t.Fatal(err)
	}
	c, err := family.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return d, c
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// batch returns the golden's pairs as one batch, and the log-probabilities to expect.
func (g *golden) batch() (b model.Batch, want []float64) {
	for _, p := range g.Pairs {
		b.Add(p.Prompt, p.Chosen, p.Rejected)
		want = append(append(want, p.ChosenLogps...), p.RejectedLogps...)
	}
	return b, want
}

// The mean of sigmoid losses has the gradient −β·σ(−h)/n for chosen tokens and the opposite for rejected ones (Rafailov et al. 2023).
func (g *golden) dLogp(logp []float32) (loss float64, d []float32) {
	n := float64(len(g.Pairs))
	for _, p := range g.Pairs {
		sum := func(k int) (s float64) {
			for _, x := range logp[:k] {
				s += float64(x)
			}
			logp = logp[k:]
			return s
		}
		chosen, rejected := sum(len(p.Chosen)), sum(len(p.Rejected))
		h := g.Beta * ((chosen - p.RefChosen) - (rejected - p.RefRejected))
		loss += math.Log1p(math.Exp(-h)) / n
		slope := float32(-g.Beta / (1 + math.Exp(h)) / n)
		for range p.Chosen {
			d = append(d, slope)
		}
		for range p.Rejected {
			d = append(d, -slope)
		}
	}
	return loss, d
}

func TestGoldenLogps(t *testing.T) {
	for _, m := range goldenModels {
		t.Run(m.name, func(t *testing.T) {
			dir := tol.Golden(t, m.model)
			var g golden
			readJSON(t, filepath.Join(dir, "golden.json"), &g)
			d, c := open(t, dir, m.config)
			e, err := NewScorer(d, c, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			b, want := g.batch()
			got, err := e.Score(context.Background(), b, 0)
			if err != nil {
				t.Fatal(err)
			}
			// The golden's own norms and rotary tables are float32, the rest float64: float32 is some 1e-6 away.
			compareLogps(t, got.Logp, want, 1e-5)
		})
	}
}

// A checkpoint in bfloat16 with a window of 128 and sequences of up to 1,360 tokens, so that blocks, tiles and windows have real boundaries.
func TestGoldenMid(t *testing.T) {
	dir := tol.Golden(t, "models_mid/mistral")
	var g struct {
		golden
		Gradients map[string]projected
	}
	readJSON(t, filepath.Join(dir, "golden.json"), &g)
	d, c := open(t, dir, "config.json")
	e, err := NewTrainable(d, c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	b, want := g.batch()
	got, err := e.Forward(context.Background(), b, 0)
	if err != nil {
		t.Fatal(err)
	}
	compareLogps(t, got.Logp, want, 1e-5)
	loss, dLogp := g.dLogp(got.Logp)
	if math.Abs(loss-g.Loss) > 1e-5 {
		t.Errorf("loss %v, want %v", loss, g.Loss)
	}
	if err := e.Backward(context.Background(), dLogp, nil); err != nil {
		t.Fatal(err)
	}
	compareProjections(t, e.Params(), g.Gradients, 1e-4)
}

func compareLogps(t *testing.T, got []float32, want []float64, most float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d log-probabilities, want %d", len(got), len(want))
	}
	worst := 0.0
	for i, x := range got {
		diff := math.Abs(float64(x) - want[i])
		worst = max(worst, diff)
		if !(diff <= most) {
			t.Errorf("token %d: logp %v, want %v", i, x, want[i])
		}
	}
	t.Logf("largest difference of %d log-probabilities: %.2g", len(got), worst)
}

func TestGoldenGradients(t *testing.T) {
	for _, m := range goldenModels {
		t.Run(m.name, func(t *testing.T) {
			dir := tol.Golden(t, m.model)
			var g golden
			readJSON(t, filepath.Join(dir, "golden.json"), &g)
			d, c := open(t, dir, m.config)
			e, err := NewTrainable(d, c, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			b, _ := g.batch()
			got, err := e.Forward(context.Background(), b, 0)
			if err != nil {
				t.Fatal(err)
			}
			loss, dLogp := g.dLogp(got.Logp)
			if math.Abs(loss-g.Loss) > 1e-5 {
				t.Errorf("loss %v, want %v", loss, g.Loss)
			}
			if err := e.Backward(context.Background(), dLogp, nil); err != nil {
				t.Fatal(err)
			}
			compareGradients(t, e.Params(), readGradients(t, filepath.Join(dir, "grads.safetensors")))
		})
	}
}

// readGradients reads every tensor of a safetensors file.
func readGradients(t *testing.T, path string) map[string][]float32 {
	t.Helper()
	f, err := checkpoint.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string][]float32{}
	for _, x := range f.Tensors() {
		out[x.Name] = make([]float32, x.Len())
		x.Widen(out[x.Name], 0)
	}
	return out
}

// compareGradients asks for ‖Δ‖ ≤ 1e-4·‖g‖ + 1e-7·‖all‖ of every tensor: the second part is what cancels in a tensor whose own
// gradient is next to nothing.
func compareGradients(t *testing.T, params []model.Param, want map[string][]float32) {
	t.Helper()
	if len(params) != len(want) {
		t.Errorf("%d parameters, want %d", len(params), len(want))
	}
	all, worst := 0.0, 0.0
	for _, g := range want {
		all = math.Hypot(all, norm2(g))
	}
	for _, p := range params {
		g := want[p.Name]
		if len(g) != len(p.Grad) {
			t.Errorf("%s: %d gradients, want %d", p.Name, len(p.Grad), len(g))
			continue
		}
		diff := make([]float32, len(g))
		for i := range g {
			diff[i] = p.Grad[i] - g[i]
		}
		size := norm2(g)
		worst = max(worst, norm2(diff)/size)
		if !(norm2(diff) <= 1e-4*size+1e-7*all) {
			t.Errorf("%s: gradient is %.3g away from one of norm %.3g", p.Name, norm2(diff), size)
		}
	}
	t.Logf("largest relative difference of %d gradients: %.2g", len(params), worst)
}

func norm2(x []float32) float64 {
	s := 0.0
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return math.Sqrt(s)
}
