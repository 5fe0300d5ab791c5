package family

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/steelyard-ml/steelyard/model"
)

// A family reads the configuration of one.
type family struct {
	class string // the causal language model among its classes, as architectures names it
	read  func(*fields) *model.Config
}

// families maps config.json's model_type to the family.
var families = map[string]family{
	"llama":       {"LlamaForCausalLM", llama},
	"mistral":     {"MistralForCausalLM", mistral},
	"qwen2":       {"Qwen2ForCausalLM", qwen2},
	"qwen3":       {"Qwen3ForCausalLM", qwen3},
	"qwen3_moe":   {"Qwen3MoeForCausalLM", qwen3MoE},
	"gemma":       {"GemmaForCausalLM", gemma},
	"gemma2":      {"Gemma2ForCausalLM", gemma2},
	"gemma3_text": {"Gemma3ForCausalLM", gemma3},
	"phi3":        {"Phi3ForCausalLM", phi3},
	"olmo2":       {"Olmo2ForCausalLM", olmo2},
	"olmo3":       {"Olmo3ForCausalLM", olmo3},
	"olmoe":       {"OlmoeForCausalLM", olmoe},
	"smollm3":     {"SmolLM3ForCausalLM", smolLM3},
	"gpt2":        {"GPT2LMHeadModel", gpt2},
	"gpt_neox":    {"GPTNeoXForCausalLM", gptNeoX},
	"mixtral":     {"MixtralForCausalLM", mixtral},
}

// Parse reads a config.json, in the spelling of transformers 5 (rope_parameters) or the older one (rope_theta, rope_scaling). A key that
// could change the result and is not handled is an error that names it; model.ErrUnsupported is wrapped where something is not computed.
func Parse(text []byte) (*model.Config, error) {
	f := &fields{seen: map[string]bool{}}
	if err := json.Unmarshal(text, &f.raw); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	name := str(f, "model_type", "")
	fam, ok := families[name]
	if !ok {
		return nil, fmt.Errorf("config.json: model_type %q: %w (supported: %s)", name, model.ErrUnsupported, strings.Join(names(), ", "))
	}
	if archs := get(f, "architectures", []string(nil)); archs != nil && !slices.Contains(archs, fam.class) {
		f.refuse("architectures %q: %w: a causal language model is needed (%s)", archs, model.ErrUnsupported, fam.class)
	}
	if !get(f, "is_causal", true) {
		f.refuse("is_causal is false: %w: a causal language model is needed", model.ErrUnsupported)
	}
	c := fam.read(f)
	c.Quantized = quantized(f)
	if f.err == nil {
		f.err = check(c)
	}
	if f.err != nil {
		return nil, fmt.Errorf("config.json: %w", f.err)
	}
	if left := f.left(); len(left) > 0 {
		return nil, fmt.Errorf("config.json: %s: %w for %s: it may change the result (remove it where it does not)",
			strings.Join(left, ", "), model.ErrUnsupported, name)
	}
	c.Family = name
	return c, nil
}

func names() []string {
	var out []string
	for name := range families {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// check refuses sizes that no checkpoint can have.
func check(c *model.Config) error {
	const most, layers = 1 << 28, 1 << 14
	var faults []error
	size := func(name string, value, most int) {
		if value < 1 || value > most {
			faults = append(faults, fmt.Errorf("%s is %d, must be from 1 to %d", name, value, most))
		}
	}
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	size("vocab_size", c.Vocab, most)
	size("hidden_size", c.Hidden, most)
	size("num_hidden_layers", c.Layers, layers)
	size("num_attention_heads", c.Heads, most)
	size("num_key_value_heads", c.KVHeads, most)
	size("head_dim", c.HeadDim, most)
	size("intermediate_size", c.Intermediate, most)
	size("max_position_embeddings", c.MaxPositions, most)
	if x := c.Experts; x != nil {
		size("num_experts", x.Count, 1<<16)
		size("num_experts_per_tok", x.TopK, max(x.Count, 1))
		size("the experts' intermediate_size", x.Intermediate, most)
		size("the number of experts in all layers", x.Count*max(c.Layers, 1), 1<<18)
		fault(x.AuxCoef < 0, "router_aux_loss_coef is %v, must not be negative", x.AuxCoef)
	}
	if faults != nil {
		return errors.Join(faults...)
	}
	fault(c.Heads%c.KVHeads != 0, "num_attention_heads %d is no multiple of num_key_value_heads %d", c.Heads, c.KVHeads)
	fault(c.Rope.Type != "none" && c.Rope.Dim == 0 && c.HeadDim%2 != 0, "head_dim %d is odd: rotary embeddings turn pairs", c.HeadDim)
	fault(c.Rope.Dim < 0 || (c.Rope.Dim+1)/2*2 > c.HeadDim, "partial_rotary_factor turns %d of a head's %d elements", c.Rope.Dim, c.HeadDim)
	fault(c.NormEps < 0, "the norms' epsilon is %v, must not be negative", c.NormEps)
	for _, cap := range []float64{c.AttentionCap, c.LogitCap, c.ClipQKV, c.AttentionScale} {
		fault(cap < 0, "a soft cap, a limit or a scale is %v, must not be negative", cap)
	}
	return errors.Join(faults...)
}

// fields is a JSON object whose keys are ticked off as they are read.
type fields struct {
	raw  map[string]json.RawMessage
	seen map[string]bool
	err  error
}

// harmless keys describe a checkpoint, its use in generation, or what is random in training (TRL turns dropout off); no log-probability
// depends on them.
var harmless = []string{
	"architectures", "model_type", "dtype", "torch_dtype", "transformers_version", "use_cache",
	"bos_token_id", "eos_token_id", "unk_token_id", "sep_token_id", "decoder_start_token_id", "forced_eos_token_id", "pad_token_id",
	"initializer_range", "attention_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop", "hidden_dropout", "classifier_dropout",
	"router_jitter_noise", "output_router_logits", "router_aux_loss_coef",
	"pretraining_tp", "is_llama_config", "transformers.js_config", "cache_implementation", "is_decoder", "auto_map", "gradient_checkpointing",
	"_name_or_path", "_model_name_or_path", "id2label", "label2id", "problem_type", "task_specific_params", "return_dict",
	"output_attentions", "output_hidden_states", "chunk_size_feed_forward", "_attn_implementation", "_attn_implementation_autoset",
	"num_labels", "_num_labels", "prefix", "tokenizer_class", "finetuning_task",
	// of generation, which older files hold here
	"max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p",
	"typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids",
	"num_return_sequences", "forced_bos_token_id", "suppress_tokens", "begin_suppress_tokens", "exponential_decay_length_penalty",
}

// left returns the keys that nobody read and that are not known to be harmless, sorted. A key that is null, false or empty is off.
func (f *fields) left() []string {
	var out []string
	for key, value := range f.raw {
		off := slices.Contains([]string{"null", "false", "{}", "[]", `""`}, string(value))
		if !f.seen[key] && !off && !slices.Contains(harmless, key) {
			out = append(out, key)
		}
	}
	sort.Strings(out)
	return out
}

// refuse adds an error.
func (f *fields) refuse(format string, args ...any) {
	f.err = errors.Join(f.err, fmt.Errorf(format, args...))
}

// ignore ticks off keys that a family's class has and its model does not read.
func (f *fields) ignore(keys ...string) {
	for _, key := range keys {
		f.seen[key] = true
	}
}

// null says whether a key is there and null.
func (f *fields) null(key string) bool { return string(f.raw[key]) == "null" }

// has says whether a key is there and not null.
func (f *fields) has(key string) bool { return f.raw[key] != nil && !f.null(key) }

// get returns the value of a key, or the default where it is absent or null.
func get[T any](f *fields, key string, absent T) T {
	f.seen[key] = true
	if !f.has(key) {
		return absent
	}
	var v T
	if err := json.Unmarshal(f.raw[key], &v); err != nil {
		f.refuse("%s: %s is no %T", key, f.raw[key], v)
		return absent
	}
	return v
}

func str(f *fields, key, absent string) string           { return get(f, key, absent) }
func num(f *fields, key string, absent int) int          { return get(f, key, absent) }
func real(f *fields, key string, absent float64) float64 { return get(f, key, absent) }
func flag(f *fields, key string) bool                    { return get(f, key, false) }

// quantized reads quantization_config: whether linear layers are stored in bitsandbytes' 4 bits. How, each of them says itself; nothing else
// of it changes a value, since the dtype that it names to compute in is, like the model's, not taken up: all is computed in float32.
func quantized(f *fields) bool {
	q := get(f, "quantization_config", (*struct {
		Method string `json:"quant_method"`
		In4    bool   `json:"load_in_4bit"`
		In8    bool   `json:"load_in_8bit"`
	})(nil))
	switch {
	case q == nil:
	case q.In8:
		f.refuse("quantization_config: load_in_8bit (LLM.int8): %w; bitsandbytes' 4 bits are", model.ErrUnsupported)
	case q.Method != "bitsandbytes" && q.Method != "" || !q.In4:
		f.refuse("quantization_config: quant_method %q: %w; bitsandbytes with load_in_4bit is", q.Method, model.ErrUnsupported)
	default:
		return true
	}
	return false
}
