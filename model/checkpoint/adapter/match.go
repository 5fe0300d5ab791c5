package adapter

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/steelyard-ml/steelyard/model"
)

// A site is a module of a model that a configuration may name.
type site struct {
	name    string
	kind    model.Kind // of its weight
	in, out int
	tensors []model.TensorSpec // as the checkpoint names them
	adapts  bool               // an nn.Linear or a Conv1D that is not the output embedding
}

// A target is a module that a configuration adapts.
type target struct {
	site
	r     int
	scale float64 // s: lora_alpha/r or lora_alpha/√r
}

// headModule is what transformers calls the output embedding, in every family.
const headModule = "lm_head"

// saved is the name in an adapter's file of one of the site's tensors.
func (s site) saved(spec model.TensorSpec) string {
	return prefix + s.name + spec.Name[strings.LastIndexByte(spec.Name, '.'):]
}

// sites returns the modules of a model that hold tensors, in the order of its tensors, and the names of the modules that hold others.
// A tied head is a module all the same. Experts are none: they are parameters of the module that holds them all.
//
// Names are those of the modules in transformers 5. The checkpoints of these families have the same, but for a head (GPT-NeoX's embed_out).
func sites(c *model.Config) (leaves []site, containers []string) {
	at := map[string]int{}
	inside := map[string]bool{}
	specs := c.Tensors()
	if head := c.Names.Head + ".weight"; c.Tied {
		specs = append(specs, model.TensorSpec{Name: head, Shape: []int{c.Vocab, c.Hidden}, Kind: model.Head})
	}
	for _, spec := range specs {
		dot := strings.LastIndexByte(spec.Name, '.')
		name := spec.Name[:max(dot, 0)]
		for parent := name; strings.Contains(parent, "."); {
			parent = parent[:strings.LastIndexByte(parent, '.')]
			if inside[parent] {
				break
			}
			inside[parent] = true
			containers = append(containers, parent)
		}
		if spec.Kind == model.Expert {
			continue
		}
		if spec.Kind == model.Head {
			name = headModule
		}
		i, ok := at[name]
		if !ok {
			i = len(leaves)
			at[name] = i
			leaves = append(leaves, site{name: name, kind: model.Vector})
		}
		s := &leaves[i]
		s.tensors = append(s.tensors, spec)
		switch spec.Kind {
		case model.Linear:
			s.kind, s.out, s.in, s.adapts = spec.Kind, spec.Shape[0], spec.Shape[1], true
		case model.Conv1D:
			s.kind, s.in, s.out, s.adapts = spec.Kind, spec.Shape[0], spec.Shape[1], true
		case model.Embedding, model.Head:
			s.kind = spec.Kind
		}
	}
	return leaves, containers
}

// defaults are the modules that PEFT 0.21.2 adapts where none are named, by model_type.
var defaults = map[string][]string{
	"falcon": {"query_key_value"}, "gemma": {"q_proj", "v_proj"}, "gemma2": {"q_proj", "v_proj"}, "gemma3_text": {"q_proj", "v_proj"},
	"gpt2": {"c_attn"}, "gpt_neox": {"query_key_value"}, "llama": {"q_proj", "v_proj"}, "mistral": {"q_proj", "v_proj"},
	"mixtral": {"q_proj", "v_proj"}, "opt": {"q_proj", "v_proj"}, "phi": {"q_proj", "v_proj", "fc1", "fc2"}, "qwen2": {"q_proj", "v_proj"},
	"qwen3": {"q_proj", "v_proj"}, "stablelm": {"q_proj", "v_proj"}, "bloom": {"query_key_value"}, "gptj": {"q_proj", "v_proj"},
	"gpt_bigcode": {"c_attn"}, "gpt_neo": {"q_proj", "v_proj"}, "mpt": {"Wqkv"},
}

// resolve returns the modules of a model that the configuration adapts, with rank and scaling, and those that it trains whole; both in
// the order of the model's tensors. It sets target_modules where they were left to defaults.
func (c *Config) resolve(m *model.Config) (adapted []target, saved []site, err error) {
	if err := c.check(); err != nil {
		return nil, nil, err
	}
	leaves, containers := sites(m)
	if saved, err = c.saved(m, leaves, containers); err != nil {
		return nil, nil, err
	}
	if err := c.setTargets(m, leaves, containers); err != nil {
		return nil, nil, err
	}
	match, err := c.matcher()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range containers {
		if match(name) {
			return nil, nil, fmt.Errorf("target_modules match %s, which is no linear layer: PEFT adapts none but linear layers; name those", name)
		}
	}
	ranks, err := patterns("rank_pattern", c.RankPattern, float64(c.R))
	if err != nil {
		return nil, nil, err
	}
	alphas, err := patterns("alpha_pattern", c.AlphaPattern, c.LoraAlpha)
	if err != nil {
		return nil, nil, err
	}
	c.FanInFanOut = false // as PEFT corrects it
	for _, s := range leaves {
		if !match(s.name) {
			continue
		}
		if !s.adapts {
			return nil, nil, fmt.Errorf("target_modules match %s: %w: embeddings, the output embedding and norms are not adapted; "+
				"name it in modules_to_save to train it whole", s.name, ErrUnsupported)
		}
		t := target{site: s, r: int(ranks(s.name))}
		t.scale = alphas(s.name) / float64(t.r)
		if c.UseRSLoRA {
			t.scale = alphas(s.name) / math.Sqrt(float64(t.r))
		}
		c.FanInFanOut = c.FanInFanOut || s.kind == model.Conv1D
		adapted = append(adapted, t)
	}
	for _, s := range saved {
		if match(s.name) {
			return nil, nil, fmt.Errorf("%s is in target_modules and, by the end of its name, in modules_to_save: name it in one of them", s.name)
		}
	}
	if adapted == nil {
		return nil, nil, fmt.Errorf("target_modules %v match no module of this %s model; it has %s", c.TargetModules.value(), m.Family, examples(leaves))
	}
	return adapted, saved, nil
}

// setTargets replaces defaults and all-linear by names, as PEFT does before it looks at modules, and refuses what it would take for
// experts.
func (c *Config) setTargets(m *model.Config, leaves []site, containers []string) error {
	experts := map[string]bool{}
	for _, spec := range m.Tensors() {
		if spec.Kind == model.Expert {
			parts := strings.Split(spec.Name, ".")
			for _, part := range parts[max(len(parts)-2, 0):] {
				experts[part] = true
			}
		}
	}
	if c.TargetModules.empty() {
		ends, ok := defaults[m.Family]
		if !ok || c.TargetModules.Ends != nil || len(experts) > 0 {
			return fmt.Errorf("target_modules: there is no default for %s models: name them, as %s, or %s", m.Family, examples(leaves), AllLinear)
		}
		c.TargetModules.Ends = slices.Clone(ends)
	}
	const cure = "PEFT adapts experts with it, which are parameters and no modules; name modules of attention, as q_proj"
	if c.TargetModules.Expr != "" && len(experts) > 0 {
		return fmt.Errorf("target_modules %q: %w for a model with experts: %s", c.TargetModules.Expr, ErrUnsupported, cure)
	}
	for _, end := range c.TargetModules.Ends {
		if experts[end[strings.LastIndexByte(end, '.')+1:]] {
			return fmt.Errorf("target_modules %s: %w: %s", end, ErrUnsupported, cure)
		}
	}
	if strings.EqualFold(c.TargetModules.Expr, AllLinear) {
		c.TargetModules = Names{Ends: allLinear(leaves, containers)}
	}
	return nil
}

// allLinear names every linear module but the head: by ends of names, where these name no other.
func allLinear(leaves []site, containers []string) []string {
	var full, ends []string
	others := map[string]bool{}
	last := func(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
	for _, name := range containers {
		others[last(name)] = true
	}
	for _, s := range leaves {
		if !s.adapts {
			others[last(s.name)] = true
			continue
		}
		full = append(full, s.name)
		if end := last(s.name); !slices.Contains(ends, end) {
			ends = append(ends, end)
		}
	}
	if slices.ContainsFunc(ends, func(end string) bool { return others[end] }) {
		return full
	}
	return ends
}

// examples are the ends of the names of linear modules.
func examples(leaves []site) string { return strings.Join(allLinear(leaves, nil), ", ") }

// matcher returns PEFT's check_target_module_exists.
func (c *Config) matcher() (func(name string) bool, error) {
	excluded, err := c.ExcludeModules.matcher()
	if err != nil {
		return nil, fmt.Errorf("exclude_modules: %w", err)
	}
	targeted, err := c.TargetModules.matcher()
	if err != nil {
		return nil, fmt.Errorf("target_modules: %w", err)
	}
	whole, err := regexp.Compile(`\A(?:|.*\.)(?:` + strings.Join(c.ModulesToSave, "|") + `)(?:\z|\.)`)
	if err != nil {
		return nil, fmt.Errorf("modules_to_save: %w", err)
	}
	inLayer, err := c.layers()
	if err != nil {
		return nil, fmt.Errorf("layers_pattern: %w", err)
	}
	return func(name string) bool {
		if excluded(name) || len(c.ModulesToSave) > 0 && whole.MatchString(name) || !targeted(name) {
			return false
		}
		// A name that is given in full is adapted in whatever layer it is.
		return slices.Contains(c.TargetModules.Ends, name) || inLayer(name)
	}, nil
}

// matcher returns whether a name is one of n, or ends in one behind a dot, or matches as a whole.
func (n Names) matcher() (func(name string) bool, error) {
	if n.Expr != "" {
		re, err := fullmatch(n.Expr)
		if err != nil {
			return nil, err
		}
		return re.MatchString, nil
	}
	return func(name string) bool {
		return slices.ContainsFunc(n.Ends, func(end string) bool { return name == end || strings.HasSuffix(name, "."+end) })
	}, nil
}

// layers returns whether a module lies in one of the layers to transform: by the first number behind layers_pattern, or behind any
// name that another precedes.
func (c *Config) layers() (func(name string) bool, error) {
	if len(c.LayersToTransform) == 0 {
		return func(string) bool { return true }, nil
	}
	var all []*regexp.Regexp
	for _, pattern := range c.LayersPattern {
		re, err := regexp.Compile(`\A(?:|.*?\.)` + pattern + `\.(\d+)\.`)
		if err != nil {
			return nil, err
		}
		all = append(all, re)
	}
	if all == nil {
		all = append(all, regexp.MustCompile(`\A.*?\.[^.]*\.(\d+)\.`))
	}
	return func(name string) bool {
		for _, re := range all {
			if found := re.FindStringSubmatch(name); found != nil {
				layer, err := strconv.Atoi(found[1])
				return err == nil && slices.Contains(c.LayersToTransform, layer)
			}
		}
		return false
	}, nil
}

// patterns returns the value of a module by rank_pattern or alpha_pattern.
func patterns(key string, list []Pattern, otherwise float64) (func(name string) float64, error) {
	var all []*regexp.Regexp
	for _, p := range list {
		_, err := compile(p.Expr)
		var re *regexp.Regexp
		if err == nil {
			re, err = regexp.Compile(`\A(?:.*\.)?(?:` + p.Expr + `)\z`)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		all = append(all, re)
	}
	return func(name string) float64 {
		for i, re := range all {
			if re.MatchString(name) {
				return list[i].Value
			}
		}
		return otherwise
	}, nil
}

// saved returns the modules that modules_to_save name: those whose name ends in one of them, with or without a dot before it.
func (c *Config) saved(m *model.Config, leaves []site, containers []string) ([]site, error) {
	var out []site
	var errs []error
	found := map[string]bool{}
	for _, s := range leaves {
		named := false
		for _, end := range c.ModulesToSave {
			if strings.HasSuffix(s.name, end) {
				named, found[end] = true, true
			}
		}
		if named {
			out = append(out, s)
		}
	}
	for _, end := range c.ModulesToSave {
		for _, name := range containers {
			if strings.HasSuffix(name, end) {
				errs = append(errs, fmt.Errorf("modules_to_save %s: %w: %s holds other modules; name those", end, ErrUnsupported, name))
				break
			}
		}
		if !found[end] {
			errs = append(errs, fmt.Errorf("modules_to_save %s: this %s model has no such module (its embeddings are %s and %s)", end, m.Family,
				m.Names.Embed, headModule))
		}
	}
	return out, errors.Join(errs...)
}
