package adapter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
)

// ErrUnsupported is returned, wrapped, for an adapter that this program would not compute as PEFT does. The message names the key.
var ErrUnsupported = errors.New("not supported")

// AllLinear is the value of target_modules that stands for every linear module but the output embedding.
const AllLinear = "all-linear"

// A Config is an adapter_config.json, under PEFT's names.
type Config struct {
	Base string // base_model_name_or_path: where the base came from; for people and for PEFT's automatic classes
	// R is the rank and LoraAlpha the numerator of the scaling; RankPattern and AlphaPattern give some modules others.
	R            int
	LoraAlpha    float64
	RankPattern  []Pattern
	AlphaPattern []Pattern
	UseRSLoRA    bool // use_rslora: scaled by 1/√r (Kalajdzievski 2023, arXiv 2312.03732)
	// TargetModules are what is adapted; zero is PEFT's default for the model's type. ExcludeModules are left out of it.
	TargetModules  Names
	ExcludeModules Names
	// LayersToTransform are the layers that TargetModules are looked for in, none for all; LayersPattern what comes before their numbers.
	LayersToTransform []int
	LayersPattern     []string
	// ModulesToSave are trained whole, and stored whole.
	ModulesToSave []string
	FanInFanOut   bool // fan_in_fan_out: an adapted module is GPT-2's Conv1D. It changes no value
	// LoraDropout is what the adapter was trained with. Only a forward pass of training would use it.
	LoraDropout float64
	// Init is init_lora_weights: true, false, "gaussian" or "orthogonal", none of which touches the base.
	Init any
}

// DefaultConfig returns TRL's defaults of a new adapter but for lora_dropout, which is 0.
func DefaultConfig() Config { return Config{R: 16, LoraAlpha: 32, Init: true} }

// Names are target_modules or exclude_modules: ends of names, or an expression that matches whole names.
type Names struct {
	Ends []string
	Expr string
}

func (n Names) empty() bool { return len(n.Ends) == 0 && n.Expr == "" }

// A Pattern gives the modules whose name ends in what an expression matches a value. The first that matches counts.
type Pattern struct {
	Expr  string
	Value float64
}

// inert are keys that no value of an adapter depends on; those of ways to initialize matter only beside their init_lora_weights.
var inert = []string{
	"base_model_name_or_path", "revision", "peft_version", "auto_mapping", "inference_mode", "runtime_config", "fan_in_fan_out",
	"megatron_core", "qalora_group_size", "loftq_config", "eva_config", "corda_config", "lora_ga_config",
}

// ParseConfig reads an adapter_config.json. Every key that could change a result and is not computed is an error that names it.
func ParseConfig(text []byte) (Config, error) {
	keys, err := members(text)
	if err != nil {
		return Config{}, fmt.Errorf("adapter_config.json: %w", err)
	}
	f := fields{raw: map[string]json.RawMessage{}, seen: map[string]bool{}}
	for _, m := range keys {
		f.raw[m.key] = m.value
	}
	c := f.config()
	var left []string
	for key, value := range f.raw {
		if !f.seen[key] && !slices.Contains(inert, key) && !off(value) {
			left = append(left, fmt.Sprintf("%s (%s)", key, abridged(value)))
		}
	}
	sort.Strings(left)
	if left != nil {
		f.fail("%s: %w: it may change the result", strings.Join(left, ", "), ErrUnsupported)
	}
	if err := errors.Join(f.errs...); err != nil {
		return Config{}, fmt.Errorf("adapter_config.json: %w", err)
	}
	return c, nil
}

// config reads the keys that matter; absent ones have PEFT's defaults.
func (f *fields) config() Config {
	if kind := get(f, "peft_type", ""); kind != "LORA" {
		f.fail("peft_type %q: %w (supported: LORA)", kind, ErrUnsupported)
	}
	if task := get(f, "task_type", "CAUSAL_LM"); task != "CAUSAL_LM" {
		f.fail("task_type %q: %w (supported: CAUSAL_LM)", task, ErrUnsupported)
	}
	if bias := get(f, "bias", "none"); bias != "none" {
		f.fail("bias %q: %w: trained biases are part of such an adapter (supported: none)", bias, ErrUnsupported)
	}
	c := Config{
		Base: get(f, "base_model_name_or_path", ""), R: get(f, "r", 8), LoraAlpha: get(f, "lora_alpha", 8.0),
		RankPattern: f.patterns("rank_pattern"), AlphaPattern: f.patterns("alpha_pattern"), UseRSLoRA: get(f, "use_rslora", false),
		TargetModules: f.names("target_modules"), ExcludeModules: f.names("exclude_modules"),
		LayersToTransform: f.ints("layers_to_transform"), LayersPattern: f.strings("layers_pattern"),
		ModulesToSave: get(f, "modules_to_save", []string(nil)), FanInFanOut: get(f, "fan_in_fan_out", false),
		LoraDropout: get(f, "lora_dropout", 0.0), Init: get(f, "init_lora_weights", any(true)),
	}
	switch init := c.Init; init {
	case true, false, "gaussian", "orthogonal":
	default:
		f.fail("init_lora_weights %v: %w: the base changes with it, or parts of the adapter stay fixed (supported: true, false, gaussian, orthogonal)",
			init, ErrUnsupported)
	}
	if err := c.check(); err != nil {
		f.errs = append(f.errs, err)
	}
	return c
}

// largest bounds ranks, far beyond any use.
const largest = 1 << 16

// check refuses what no module can be adapted with.
func (c Config) check() error {
	var errs []error
	rank := func(what string, r float64) {
		if r != math.Trunc(r) || !(r >= 1 && r <= largest) {
			errs = append(errs, fmt.Errorf("%s is %v, must be a whole number from 1 to %d", what, r, largest))
		}
	}
	alpha := func(what string, a float64) {
		if math.IsInf(a, 0) || math.IsNaN(a) {
			errs = append(errs, fmt.Errorf("%s is %v, must be a number", what, a))
		}
	}
	rank("r", float64(c.R))
	alpha("lora_alpha", c.LoraAlpha)
	for _, p := range c.RankPattern {
		rank("rank_pattern "+p.Expr, p.Value)
	}
	for _, p := range c.AlphaPattern {
		alpha("alpha_pattern "+p.Expr, p.Value)
	}
	if !(c.LoraDropout >= 0 && c.LoraDropout <= 1) {
		errs = append(errs, fmt.Errorf("lora_dropout is %v, must be from 0 to 1", c.LoraDropout))
	}
	if c.TargetModules.Expr != "" && (c.LayersToTransform != nil || len(c.LayersPattern) > 0) {
		errs = append(errs, errors.New("layers_to_transform and layers_pattern go with a list of target_modules, not with an expression"))
	}
	if len(c.LayersPattern) > 0 && c.LayersToTransform == nil {
		errs = append(errs, errors.New("layers_pattern is nothing without layers_to_transform"))
	}
	if len(c.LayersToTransform) > 0 && len(c.TargetModules.Ends) >= shortened {
		errs = append(errs, fmt.Errorf("layers_to_transform beside %d target_modules: %w: PEFT shortens such a list; name ends of names, as q_proj",
			len(c.TargetModules.Ends), ErrUnsupported))
	}
	for _, list := range [][]string{c.ModulesToSave, c.LayersPattern} {
		for _, name := range list {
			if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") != "" || name == "" {
				errs = append(errs, fmt.Errorf("%q in modules_to_save or layers_pattern: %w: it must be a plain name", name, ErrUnsupported))
			}
		}
	}
	return errors.Join(errs...)
}

// shortened is the length from which on PEFT reduces a list of target_modules to shorter ends.
const shortened = 20

// MarshalJSON returns an adapter_config.json that PEFT and vLLM read.
func (c Config) MarshalJSON() ([]byte, error) {
	optional := func(list any, empty bool) any {
		if empty {
			return nil
		}
		return list
	}
	return json.Marshal(map[string]any{
		"peft_type": "LORA", "task_type": "CAUSAL_LM", "auto_mapping": nil, "base_model_name_or_path": c.Base, "revision": nil,
		"r": c.R, "lora_alpha": c.LoraAlpha, "lora_dropout": c.LoraDropout, "use_rslora": c.UseRSLoRA, "use_dora": false,
		"rank_pattern": patternMap(c.RankPattern), "alpha_pattern": patternMap(c.AlphaPattern),
		"target_modules": c.TargetModules.value(), "exclude_modules": c.ExcludeModules.value(),
		"layers_to_transform": optional(c.LayersToTransform, c.LayersToTransform == nil),
		"layers_pattern":      optional(c.LayersPattern, c.LayersPattern == nil),
		"modules_to_save":     optional(c.ModulesToSave, c.ModulesToSave == nil),
		"fan_in_fan_out":      c.FanInFanOut, "bias": "none", "lora_bias": false, "init_lora_weights": c.Init, "inference_mode": true,
		"layer_replication": nil,
	})
}

// UnmarshalJSON is ParseConfig.
func (c *Config) UnmarshalJSON(text []byte) (err error) {
	*c, err = ParseConfig(text)
	return err
}

func (n Names) value() any {
	if n.Expr != "" {
		return n.Expr
	}
	if n.Ends == nil {
		return nil
	}
	return n.Ends
}

// patternMap is an object of patterns in their order, which matters.
type patternMap []Pattern

func (p patternMap) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, one := range p {
		if i > 0 {
			out.WriteByte(',')
		}
		key, err := json.Marshal(one.Expr)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(one.Value)
		if err != nil {
			return nil, err
		}
		out.Write(append(append(key, ':'), value...))
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
