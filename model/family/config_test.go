package family_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/family"
)

func parse(t *testing.T, path string) *model.Config {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := family.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBothSpellingsOfRope(t *testing.T) {
	dir := tol.Golden(t, "models/llama3_scaled_tied")
	newer, older := parse(t, filepath.Join(dir, "config.json")), parse(t, filepath.Join(dir, "config.legacy.json"))
	if diff := cmp.Diff(newer, older); diff != "" {
		t.Errorf("the spellings differ:\n%s", diff)
	}
	want := model.Rope{Type: "llama3", Theta: 500000, Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalMaxPositions: 64}
	if diff := cmp.Diff(want, newer.Rope); diff != "" {
		t.Error(diff)
	}
	if newer.Digest() != older.Digest() {
		t.Error("the spellings have different digests")
	}
}

const small = `{"model_type":"llama","vocab_size":10,"hidden_size":8,"intermediate_size":12,"num_hidden_layers":1,"num_attention_heads":2}`

func with(t *testing.T, key, value string) []byte {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(small), &m); err != nil {
		t.Fatal(err)
	}
	m[key] = json.RawMessage(value)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRefusals(t *testing.T) {
	tests := []struct{ key, value, want string }{
		{"model_type", `"mamba"`, `model_type "mamba"`},
		{"hidden_act", `"prelu"`, `hidden_act "prelu"`},
		{"architectures", `["LlamaForSequenceClassification"]`, "LlamaForSequenceClassification"},
		{"sliding_window", `128`, "sliding_window"},
		{"rope_interleaved", `true`, "rope_interleaved"},
		{"quantization_config", `{"quant_method":"bitsandbytes"}`, "quantization_config"},
		{"quantization_config", `{"quant_method":"gptq","bits":4}`, `quant_method "gptq"`},
		{"quantization_config", `{"quant_method":"bitsandbytes","load_in_8bit":true}`, "load_in_8bit"},
		{"rope_scaling", `{"type":"dynamic","factor":2}`, `"dynamic"`},
		{"rope_scaling", `{"rope_type":"linear","factor":2,"surprise":1}`, "surprise"},
		{"rope_scaling", `{"rope_type":"linear"}`, "factor is 0"},
		{"rope_parameters", `{"rope_type":"llama3","factor":8}`, "low_freq_factor"},
		{"vocab_size", `"ten"`, "vocab_size"},
		{"vocab_size", `0`, "vocab_size is 0"},
		{"hidden_size", `1e12`, "hidden_size"},
		{"num_key_value_heads", `3`, "no multiple"},
		{"head_dim", `3`, "odd"},
	}
	for _, test := range tests {
		t.Run(test.key+"="+test.value, func(t *testing.T) {
			_, err := family.Parse(with(t, test.key, test.value))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
	if _, err := family.Parse(with(t, "sliding_window", "128")); !errors.Is(err, model.ErrUnsupported) {
		t.Errorf("got %v, want ErrUnsupported", err)
	}
}

// Keys that are off, or that only describe, are let pass; what does not change a value does not change the digest.
func TestHarmlessKeys(t *testing.T) {
	base, err := family.Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{
		"sliding_window": "null", "rope_interleaved": "false", "transformers_version": `"5.0"`, "pad_token_id": "3", "max_position_embeddings": "99",
	} {
		c, err := family.Parse(with(t, key, value))
		if err != nil {
			t.Errorf("%s=%s: %v", key, value, err)
		} else if c.Digest() != base.Digest() {
			t.Errorf("%s=%s changed the digest", key, value)
		}
	}
	for key, value := range map[string]string{"rms_norm_eps": "1e-5", "attention_bias": "true", "rope_theta": "5e5", "num_key_value_heads": "1"} {
		c, err := family.Parse(with(t, key, value))
		if err != nil {
			t.Errorf("%s=%s: %v", key, value, err)
		} else if c.Digest() == base.Digest() {
			t.Errorf("%s=%s did not change the digest", key, value)
		}
	}
}

// torch.nn.Embedding counts a negative padding_idx from the end; without one no row is left out.
func TestPadding(t *testing.T) {
	base, err := family.Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if base.Padding != nil {
		t.Errorf("padding %d without pad_token_id", *base.Padding)
	}
	for text, want := range map[string]int{"0": 0, "3": 3, "-1": base.Vocab - 1} {
		c, err := family.Parse(with(t, "pad_token_id", text))
		if err != nil {
			t.Fatal(err)
		}
		if c.Padding == nil || *c.Padding != want {
			t.Errorf("pad_token_id %s: padding %v, want %d", text, c.Padding, want)
		}
	}
	if c, err := family.Parse(with(t, "pad_token_id", "null")); err != nil || c.Padding != nil {
		t.Errorf("pad_token_id null: %v, %v", c, err)
	}
}

// transformers decays neither biases nor norm weights.
func TestDecay(t *testing.T) {
	c, err := family.Parse(with(t, "attention_bias", "true"))
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range c.Tensors() {
		want := !strings.HasSuffix(spec.Name, ".bias") && !strings.Contains(spec.Name, "norm")
		if spec.Decay() != want {
			t.Errorf("%s decays: %v, want %v", spec.Name, spec.Decay(), want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"model_type":"llama","rope_scaling":{"rope_type":"llama3"}}`))
	f.Add([]byte(`{"model_type":"qwen3_moe","num_hidden_layers":9999,"num_experts":9999}`))
	for _, name := range goldenModels {
		text, err := os.ReadFile(filepath.Join(tol.Golden(f, filepath.Join("models", name)), "config.json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var c *model.Config
		tol.AllocatesAtMost(t, 1<<21+200*int64(len(text)), func() { c, _ = family.Parse(text) })
		if c != nil && c.Layers < 1<<10 {
			c.Tensors()
		}
	})
}
