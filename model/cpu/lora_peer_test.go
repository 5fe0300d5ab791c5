package cpu

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
)

// Adapters that PEFT made and saved give its log-probabilities, and their tensors its gradients, in every kind of architecture: separate
// and fused projections, Conv1D, tied heads, embeddings that are scaled, experts, and modules that are trained whole.
func TestAdaptersOfPEFT(t *testing.T) {
	python := tol.Python(t)
	type job struct {
		Model  string         `json:"model"`
		Out    string         `json:"out"`
		Config map[string]any `json:"config"`
		Pairs  []goldenPair   `json:"pairs"`
		D      []float32      `json:"d"`
	}
	all := func(more ...any) map[string]any {
		c := map[string]any{"r": 3, "lora_alpha": 5, "target_modules": "all-linear", "init_lora_weights": true}
		for i := 0; i < len(more); i += 2 {
			c[more[i].(string)] = more[i+1]
		}
		return c
	}
	attention := []string{"q_proj", "k_proj", "v_proj", "o_proj"}
	var jobs []job
	for _, c := range []struct {
		model  string
		config map[string]any
	}{
		{"llama", all("modules_to_save", []string{"norm", "lm_head"}, "use_rslora", true)},
		{"llama3_scaled_tied", all("modules_to_save", []string{"lm_head"})},
		{"llama3_scaled_tied", all("modules_to_save", []string{"embed_tokens"})},
		{"llama3_scaled_tied", all("modules_to_save", []string{"embed_tokens", "lm_head"})},
		{"mistral_window", all()},
		{"gpt2", all("modules_to_save", []string{"wte", "wpe", "ln_f"})},
		{"gpt2", map[string]any{}},
		{"gpt_neox", all("modules_to_save", []string{"lm_head", "embed_in"})},
		{"phi3", all()},
		{"gemma", all("modules_to_save", []string{"embed_tokens"})},
		{"gemma2", all()},
		{"gemma3", all()},
		{"olmo2", all("exclude_modules", ".*mlp.*")},
		{"olmo3", all()},
		{"qwen2", all()},
		{"qwen3", all("modules_to_save", []string{"q_norm"})},
		{"smollm3", all("rank_pattern", map[string]int{"q_proj": 2})},
		{"mixtral", all("target_modules", attention)},
		{"olmoe", all("target_modules", attention)},
		{"qwen3_moe", all("target_modules", attention)},
	} {
		dir := tol.Golden(t, "models/"+c.model)
		var g golden
		readJSON(t, filepath.Join(dir, "golden.json"), &g)
		b, _ := g.batch()
		jobs = append(jobs, job{dir, filepath.Join(t.TempDir(), "adapter"), c.config, g.Pairs, randomGradient(b.Scored(), 8)})
	}
	text, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, filepath.Join("testdata", "peft_gradients.py"))
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var logps [][]float64
	if err := json.Unmarshal(out, &logps); err != nil {
		t.Fatal(err)
	}
	for i, j := range jobs {
		t.Run(filepath.Base(j.Model), func(t *testing.T) {
			d, c := open(t, j.Model, "config.json")
			a, err := adapter.Open(j.Out, c)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			e, err := NewTrainable(d, c, Options{Adapter: a})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			g := golden{Pairs: j.Pairs}
			b, base := g.batch()
			scores, err := e.Forward(context.Background(), b, 0)
			if err == nil {
				err = e.Backward(context.Background(), j.D, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			compareLogps(t, scores.Logp, logps[i], 2e-5)
			moved := 0.0
			for k := range base {
				moved = max(moved, base[k]-logps[i][k])
			}
			if moved < 1e-2 {
				t.Errorf("the adapter moves log-probabilities by %v at most", moved)
			}
			f, err := checkpoint.OpenFile(filepath.Join(j.Out, "grads.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			want := map[string][]float32{}
			for _, x := range f.Tensors() {
				want[x.Name] = make([]float32, x.Len())
				x.Widen(want[x.Name], 0)
			}
			compareGradients(t, e.Params(), want)
		})
	}
}
