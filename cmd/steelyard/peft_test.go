package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
	"github.com/steelyard-ml/steelyard/schemas"
)

// After a training that moved log-probabilities, PEFT loads the run directory onto the model, without a warning, and agrees.
func TestPEFTLoadsWhatWasTrained(t *testing.T) {
	demo, pairs := demoFiles(t)
	tied := tol.Golden(t, "models/llama3_scaled_tied")
	dir := t.TempDir()
	cacheDir := filepath.Join(dir, "cache")
	invoke(t, exitDone, "precompute", "--model", demo, "--pairs", pairs, "--cache", cacheDir, "--limit", "6")
	tokens := filepath.Join(dir, "tokens.jsonl")
	if err := os.WriteFile(tokens, []byte(`{"prompt_ids":[3,4,5],"chosen_ids":[6,7,8,2],"rejected_ids":[9,10,2]}
{"prompt_ids":[11,12],"chosen_ids":[13,2],"rejected_ids":[14,15,16,17]}
`), 0o644); err != nil {
		t.Fatal(err)
	}
	tiedCache := filepath.Join(dir, "tied")
	invoke(t, exitDone, "precompute", "--model", tied, "--pairs", tokens, "--format", "tokens", "--cache", tiedCache)
	patterns := patternAdapter(t, demo)
	type trained struct {
		Model     string `json:"model"`
		Adapter   string `json:"adapter"`
		Pairs     string `json:"pairs"`
		Tokenizer bool   `json:"tokenizer"`
	}
	of := map[string][]schemas.CachedPair{demo: rows(t, cacheDir), tied: rows(t, tiedCache)}
	cases := map[string]trained{}
	for name, c := range map[string]struct {
		model, cache string
		args         []string
	}{
		"default":         {demo, cacheDir, []string{"--use-peft"}},
		"rslora":          {demo, cacheDir, []string{"--use-rslora", "--lora-r", "8", "--lora-alpha", "16"}},
		"all-linear":      {demo, cacheDir, []string{"--lora-target-modules", "all-linear", "--lora-r", "4"}},
		"expression":      {demo, cacheDir, []string{"--lora-target-modules", `.*\.[01]\..*_proj`, "--lora-r", "4"}},
		"modules_to_save": {demo, cacheDir, []string{"--lora-r", "4", "--lora-modules-to-save", "embed_tokens,model.norm"}},
		"patterns":        {demo, cacheDir, []string{"--adapter", patterns}},
		"tied head":       {tied, tiedCache, []string{"--lora-r", "4", "--lora-modules-to-save", "lm_head"}},
		"tied embedding":  {tied, tiedCache, []string{"--lora-r", "4", "--lora-modules-to-save", "embed_tokens"}},
		"tied both":       {tied, tiedCache, []string{"--lora-r", "4", "--lora-modules-to-save", "embed_tokens,lm_head"}},
	} {
		run := filepath.Join(t.TempDir(), "run")
		invoke(t, exitDone, append([]string{"train", "--model", c.model, "--cache", c.cache, "--output", run, "--learning-rate", "1e-3",
			"--max-steps", "5", "--save-strategy", "no"}, c.args...)...)
		cases[name] = trained{c.model, run, pairsFile(t, of[c.model]), c.model == demo}
	}
	text, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string][][2][]float64
	pythonWith(t, string(text), &got, "peft_logps.py")
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			ours := score(t, c.Model, c.Adapter, of[c.Model])
			compareTokens(t, ours, got[name])
			moved := 0.0
			sums := sums(ours)
			for i, p := range of[c.Model] {
				moved = max(moved, math.Abs(sums[i][0]-p.RefChosenLogps), math.Abs(sums[i][1]-p.RefRejectedLogps))
			}
			if moved < 0.05 {
				t.Errorf("training moved log-probabilities by %v at most: too little to see an adapter that is left out", moved)
			}
		})
	}
}

// compareTokens asks for log-probabilities within 1e-4 of PEFT's in float64; float32's own error is a quarter of that here.
func compareTokens(t *testing.T, ours, peft [][2][]float64) {
	t.Helper()
	if len(peft) != len(ours) {
		t.Fatalf("%d pairs, want %d", len(peft), len(ours))
	}
	worst := 0.0
	for i := range ours {
		for side := range 2 {
			if len(peft[i][side]) != len(ours[i][side]) {
				t.Fatalf("pair %d side %d: %d tokens, want %d", i, side, len(peft[i][side]), len(ours[i][side]))
			}
			for k, want := range peft[i][side] {
				off := math.Abs(ours[i][side][k] - want)
				worst = max(worst, off)
				if !(off <= 1e-4) {
					t.Errorf("pair %d side %d token %d: %v by PEFT, %v by us", i, side, k, want, ours[i][side][k])
				}
			}
		}
	}
	t.Logf("largest difference of a log-probability: %.1e", worst)
}

// patternAdapter writes an adapter whose modules differ in rank and scaling.
func patternAdapter(t *testing.T, base string) string {
	t.Helper()
	d, err := checkpoint.Open(base)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	m, err := d.Config()
	if err != nil {
		t.Fatal(err)
	}
	c := adapter.DefaultConfig()
	c.R, c.TargetModules = 4, adapter.Names{Ends: []string{"q_proj", "up_proj"}}
	c.RankPattern = []adapter.Pattern{{Expr: `layers\.1\..*`, Value: 2}, {Expr: "up_proj", Value: 7}}
	c.AlphaPattern = []adapter.Pattern{{Expr: "^model.layers.0.self_attn.q_proj", Value: 3}}
	a, err := adapter.New(c, d, m, 5)
	if err != nil {
		t.Fatal(err)
	}
	var tensors []checkpoint.Named
	for _, one := range a.Modules {
		for _, x := range []checkpoint.Tensor{one.A, one.B} {
			data := make([]float32, x.Len())
			x.Widen(data, 0)
			tensors = append(tensors, checkpoint.Named{Name: x.Name, Shape: x.Shape, Data: data})
		}
	}
	dir := filepath.Join(t.TempDir(), "start")
	if err := adapter.Save(dir, a.Config, d, tensors); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Adapters that PEFT saved, of every kind that is computed here, give the log-probabilities that PEFT computes with them.
func TestWhatPEFTSaved(t *testing.T) {
	demo, pairs := demoFiles(t)
	dir := t.TempDir()
	cacheDir := filepath.Join(dir, "cache")
	invoke(t, exitDone, "precompute", "--model", demo, "--pairs", pairs, "--cache", cacheDir, "--limit", "4")
	all := rows(t, cacheDir)
	configs := map[string]string{
		"float32":    `{"dtype": "float32"}`,
		"bfloat16":   `{"dtype": "bfloat16", "target_modules": "all-linear", "r": 3}`,
		"float16":    `{"dtype": "float16", "target_modules": ["o_proj", "down_proj"], "use_rslora": true, "lora_dropout": 0.05}`,
		"expression": `{"dtype": "float32", "target_modules": ".*\\.(0|2)\\.(self_attn|mlp)\\.\\w+_proj", "exclude_modules": ".*[kv]_proj"}`,
		"patterns": `{"dtype": "bfloat16", "target_modules": ["q_proj", "v_proj"], "rank_pattern": {"v_proj": 2, "layers.1.self_attn.q_proj": 5},
			"alpha_pattern": {"q_proj": 32, "layers.1.self_attn.q_proj": 4}, "layers_to_transform": [0, 1], "layers_pattern": "layers"}`,
		"whole":    `{"dtype": "float32", "target_modules": ["k_proj"], "modules_to_save": ["lm_head", "embed_tokens"]}`,
		"gaussian": `{"dtype": "float32", "init_lora_weights": "gaussian"}`,
	}
	var parts []string
	for name, config := range configs {
		parts = append(parts, `"`+name+`": `+config)
	}
	var got map[string][][2][]float64
	pythonWith(t, "{"+strings.Join(parts, ",")+"}", &got, "peft_save.py", demo, dir, pairsFile(t, all))
	for name := range configs {
		t.Run(name, func(t *testing.T) {
			ours := score(t, demo, filepath.Join(dir, name), all)
			compareTokens(t, ours, got[name])
			if math.Abs(sums(ours)[0][0]-all[0].RefChosenLogps) < 0.05 {
				t.Error("the adapter changes too little to see that it is left out")
			}
			if text, err := os.ReadFile(filepath.Join(dir, name, "adapter_config.json")); err != nil || !json.Valid(text) {
				t.Error(err)
			}
		})
	}
}
