package family_test

import (
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/model/family"
)

// Files of older releases carry keys that the class does not read, or reads under another name.
func TestKeysOfOlderFiles(t *testing.T) {
	const sizes = `"vocab_size":10,"hidden_size":16,"intermediate_size":12,"num_hidden_layers":2,"num_attention_heads":2`
	for _, c := range []struct{ name, config, refused string }{
		{"SmolLM3 with Qwen's key", `"model_type":"smollm3","num_key_value_heads":2,"pad_token_id":null,"max_window_layers":28`, ""},
		{"both names of GPT-NeoX, agreeing", `"model_type":"gpt_neox","rotary_pct":0.5,"partial_rotary_factor":0.5,"rotary_emb_base":99,"rope_theta":99`, ""},
		{"defaults of GPT-NeoX", `"model_type":"gpt_neox","partial_rotary_factor":0.25,"rope_theta":10000`, ""},
		{"a theta that GPT-NeoX does not read", `"model_type":"gpt_neox","rope_theta":99`, "rotary_emb_base"},
		{"a share that GPT-NeoX does not read", `"model_type":"gpt_neox","rotary_pct":0.5,"partial_rotary_factor":1`, "rotary_pct"},
		{"generation", `"model_type":"llama","max_length":20,"do_sample":true,"temperature":0.6,"_num_labels":1`, ""},
		{"yarn over 2 elements", `"model_type":"gpt_neox","rope_scaling":{"type":"yarn","factor":4}`, ""},
		{"yarn over 3 elements", `"model_type":"gpt_neox","rotary_pct":0.375,"rope_scaling":{"type":"yarn","factor":4}`, "turns 3 elements"},
	} {
		_, err := family.Parse([]byte("{" + sizes + "," + c.config + "}"))
		if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s: error %v, want one about %q", c.name, err, c.refused)
		}
	}
}
