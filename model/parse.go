package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// ErrUnsupported is returned, wrapped, for a model that this program does not compute exactly. There is no way round it: use a model of
// a family named in docs/models.md.
var ErrUnsupported = errors.New("not supported")

// families maps config.json's model_type to the reader of that family.
var families = map[string]func(*fields) (*Config, error){
	"llama": llama,
}

// ParseConfig reads a config.json, in the spelling of transformers 5 (rope_parameters) or the older one (rope_theta, rope_scaling).
// A key that could change the result and is not handled is an error that names it.
func ParseConfig(text []byte) (*Config, error) {
	f := &fields{seen: map[string]bool{}}
	if err := json.Unmarshal(text, &f.raw); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	family := str(f, "model_type", "")
	read, ok := families[family]
	if !ok {
		return nil, fmt.Errorf("config.json: model_type %q: %w (supported: %s)", family, ErrUnsupported, strings.Join(familyNames(), ", "))
	}
	c, err := read(f)
	pad := get(f, "pad_token_id", (*int)(nil))
	if err = errors.Join(f.err, err); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	if left := f.left(); len(left) > 0 {
		return nil, fmt.Errorf("config.json: %s: %w for %s: it may change the result (remove it where it does not)",
			strings.Join(left, ", "), ErrUnsupported, family)
	}
	c.Family = family
	if pad != nil && *pad < 0 { // torch counts from the end
		*pad += c.Vocab
	}
	c.Padding = pad
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return c, nil
}

func familyNames() []string {
	var out []string
	for name := range families {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// check refuses sizes that no checkpoint can have.
func (c *Config) check() error {
	const most = 1 << 28
	sizes := []struct {
		name  string
		value int
	}{
		{"vocab_size", c.Vocab}, {"hidden_size", c.Hidden}, {"num_hidden_layers", c.Layers}, {"num_attention_heads", c.Heads},
		{"num_key_value_heads", c.KVHeads}, {"head_dim", c.HeadDim}, {"intermediate_size", c.Intermediate},
		{"max_position_embeddings", c.MaxPositions},
	}
	for _, s := range sizes {
		if s.value < 1 || s.value > most {
			return fmt.Errorf("%s is %d, must be from 1 to %d", s.name, s.value, most)
		}
	}
	if c.Layers > 1<<14 {
		return fmt.Errorf("num_hidden_layers is %d, must be at most %d", c.Layers, 1<<14)
	}
	if c.Heads%c.KVHeads != 0 {
		return fmt.Errorf("num_attention_heads %d is no multiple of num_key_value_heads %d", c.Heads, c.KVHeads)
	}
	if c.HeadDim%2 != 0 {
		return fmt.Errorf("head_dim %d is odd: rotary embeddings turn pairs", c.HeadDim)
	}
	if c.NormEps < 0 {
		return fmt.Errorf("rms_norm_eps is %v, must not be negative", c.NormEps)
	}
	return nil
}

// fields is a JSON object whose keys are ticked off as they are read.
type fields struct {
	raw  map[string]json.RawMessage
	seen map[string]bool
	err  error
}

// harmless keys describe a checkpoint or its use in generation; no log-probability depends on them.
var harmless = []string{
	"architectures", "model_type", "dtype", "torch_dtype", "transformers_version", "use_cache",
	"bos_token_id", "eos_token_id", "unk_token_id", "sep_token_id", "decoder_start_token_id",
	"initializer_range", "attention_dropout", "pretraining_tp", "is_llama_config", "transformers.js_config",
	"_name_or_path", "_model_name_or_path", "id2label", "label2id", "problem_type", "task_specific_params", "return_dict",
	"output_attentions", "output_hidden_states", "chunk_size_feed_forward", "_attn_implementation", "_attn_implementation_autoset",
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

// get returns the value of a key, or the default where it is absent or null.
func get[T any](f *fields, key string, absent T) T {
	f.seen[key] = true
	text, ok := f.raw[key]
	if !ok || string(text) == "null" {
		return absent
	}
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		f.err = errors.Join(f.err, fmt.Errorf("%s: %s is no %T", key, text, v))
		return absent
	}
	return v
}

func str(f *fields, key, absent string) string           { return get(f, key, absent) }
func num(f *fields, key string, absent int) int          { return get(f, key, absent) }
func real(f *fields, key string, absent float64) float64 { return get(f, key, absent) }
func flag(f *fields, key string) bool                    { return get(f, key, false) }
