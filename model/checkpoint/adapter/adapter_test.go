package adapter

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

// base opens a golden model.
func base(t testing.TB, name string) (*checkpoint.Dir, *model.Config) {
	t.Helper()
	d, err := checkpoint.Open(tol.Golden(t, "models/"+name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	c, err := d.Config()
	if err != nil {
		t.Fatal(err)
	}
	return d, c
}

// named are an adapter's tensors as Save takes them.
func named(a *Adapter) (out []checkpoint.Named) {
	add := func(t checkpoint.Tensor) {
		data := make([]float32, t.Len())
		t.Widen(data, 0)
		out = append(out, checkpoint.Named{Name: t.Name, Shape: t.Shape, Data: data})
	}
	for _, m := range a.Modules {
		add(m.A)
		add(m.B)
	}
	for _, s := range a.Saved {
		add(s.Tensor)
	}
	return out
}

// A configuration that PEFT wrote is read and written to the same values; a key that could change a result stops it, by its name.
func TestParseConfig(t *testing.T) {
	written, err := os.ReadFile(filepath.Join(tol.Golden(t, "trajectories/lora_init"), configName))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseConfig(written)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{Base: "gold/models/llama", R: 4, LoraAlpha: 8, TargetModules: Names{Ends: []string{"q_proj", "down_proj", "v_proj"}}, Init: true}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(written, &keys); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{
		"peft_type": `"LOHA"`, "task_type": `"SEQ_CLS"`, "bias": `"lora_only"`, "use_dora": `true`, "lora_bias": `true`, "use_qalora": `true`,
		"layer_replication": `[[0, 1]]`, "target_parameters": `["mlp.experts.gate_up_proj"]`, "trainable_token_indices": `[1]`,
		"megatron_config": `{"a":1}`, "alora_invocation_tokens": `[1, 2]`, "arrow_config": `{"a":1}`, "kasa_config": `{"a":1}`,
		"use_bdlora": `{"a":1}`, "velora_config": `{"a":1}`, "monteclora_config": `{"a":1}`, "ensure_weight_tying": `true`,
		"init_lora_weights": `"pissa_niter_16"`, "a_key_of_tomorrow": `0`, "r": `0`, "lora_alpha": `"8"`, "lora_dropout": `-1`,
		"rank_pattern": `{"q_proj": 1.5}`, "alpha_pattern": `{"q_proj": null}`, "layers_pattern": `"layers"`, "modules_to_save": `["a|b"]`,
	} {
		changed := map[string]json.RawMessage{}
		for k, v := range keys {
			changed[k] = v
		}
		changed[key] = json.RawMessage(value)
		text, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseConfig(text); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s %s: got error %v, want one that names it", key, value, err)
		}
	}
	for text, says := range map[string]string{
		``: "no JSON object", `[]`: "no JSON object", `{"peft_type":"LORA","r":8,"r":9}`: "r stands there twice", `{"peft_type":"LORA"} {}`: "behind",
		`{"peft_type":"LORA","rank_pattern":{"a":1,"a":2}}`: "a stands there twice", `{"r":8}`: "peft_type",
	} {
		if _, err := ParseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got error %v, want one that says %q", text, err, says)
		}
	}
}

// A configuration comes back from its own text, patterns in their order.
func TestConfigRoundTrip(t *testing.T) {
	for _, c := range []Config{
		DefaultConfig(),
		{R: 1, LoraAlpha: 0.5, Init: "gaussian", UseRSLoRA: true, FanInFanOut: true, LoraDropout: 0.1, Base: "b",
			RankPattern: []Pattern{{"z", 1}, {"a", 2}}, AlphaPattern: []Pattern{{"y", 1.5}}, TargetModules: Names{Expr: ".*q"},
			ExcludeModules: Names{Ends: []string{"k"}}, ModulesToSave: []string{"lm_head"}},
		{R: 1, LoraAlpha: 1, Init: false, TargetModules: Names{Ends: []string{"q"}}, LayersToTransform: []int{3}, LayersPattern: []string{"h"}},
	} {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var got Config
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Errorf("%s:\n%s", text, diff)
		}
	}
}

// Every lie of an adapter's directory is an error that names it.
func TestLies(t *testing.T) {
	d, m := base(t, "llama")
	c := DefaultConfig()
	c.R, c.TargetModules, c.ModulesToSave = 2, Names{Ends: []string{"q_proj"}}, []string{"lm_head"}
	a, err := New(c, d, m, 1)
	if err != nil {
		t.Fatal(err)
	}
	const q = "base_model.model.model.layers.1.self_attn.q_proj."
	for name, lie := range map[string]struct {
		change func(c *Config, tensors []checkpoint.Named) []checkpoint.Named
		says   string
	}{
		"none":            {func(_ *Config, x []checkpoint.Named) []checkpoint.Named { return x }, ""},
		"no A":            {without(q + "lora_A.weight"), q + "lora_A.weight"},
		"no B":            {without(q + "lora_B.weight"), q + "lora_B.weight"},
		"no head":         {without("base_model.model.lm_head.weight"), "lm_head.weight"},
		"another rank":    {func(c *Config, x []checkpoint.Named) []checkpoint.Named { c.R = 3; return x }, q + "lora_A.weight has shape [2 48]"},
		"more modules":    {func(c *Config, x []checkpoint.Named) []checkpoint.Named { c.TargetModules.Ends[0] = "k_proj"; return x }, q + "lora_A.weight is no part"},
		"nothing matches": {func(c *Config, x []checkpoint.Named) []checkpoint.Named { c.TargetModules.Ends[0] = "qproj"; return x }, "qproj"},
		"no such module":  {func(c *Config, x []checkpoint.Named) []checkpoint.Named { c.ModulesToSave[0] = "score"; return x }, "modules_to_save score"},
		"the whole block": {func(c *Config, x []checkpoint.Named) []checkpoint.Named { c.ModulesToSave[0] = "mlp"; return x }, "modules_to_save mlp"},
		"both ways":       {func(c *Config, x []checkpoint.Named) []checkpoint.Named { c.ModulesToSave[0] = "proj"; return x }, "q_proj is in target_modules and"},
		"a head adapted": {func(c *Config, x []checkpoint.Named) []checkpoint.Named {
			*c = Config{R: 2, TargetModules: Names{Ends: []string{"lm_head"}}, Init: true}
			return x
		}, "lm_head: not supported"},
		"a second default": {rename(q+"lora_A.weight", q+"lora_A.default.weight"), q + "lora_A.default.weight is no part"},
		"a shape": {func(_ *Config, x []checkpoint.Named) []checkpoint.Named {
			for i := range x {
				if x[i].Name == q+"lora_B.weight" {
					x[i].Shape = []int{x[i].Shape[1], x[i].Shape[0]}
				}
			}
			return x
		}, q + "lora_B.weight has shape [2 48]"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := a.Config
			c.TargetModules.Ends, c.ModulesToSave = slices.Clone(c.TargetModules.Ends), slices.Clone(c.ModulesToSave)
			tensors := lie.change(&c, named(a))
			if err := Save(dir, c, d, tensors); err != nil {
				t.Fatal(err)
			}
			got, err := Open(dir, m)
			if lie.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				got.Close()
				return
			}
			if err == nil || !strings.Contains(err.Error(), lie.says) {
				t.Errorf("got error %v, want one that says %q", err, lie.says)
			}
		})
	}
	if _, err := Open(t.TempDir(), m); err == nil || !strings.Contains(err.Error(), configName) {
		t.Errorf("an empty directory: %v", err)
	}
}

func without(name string) func(*Config, []checkpoint.Named) []checkpoint.Named {
	return func(_ *Config, x []checkpoint.Named) []checkpoint.Named {
		return slices.DeleteFunc(x, func(t checkpoint.Named) bool { return t.Name == name })
	}
}

func rename(from, to string) func(*Config, []checkpoint.Named) []checkpoint.Named {
	return func(_ *Config, x []checkpoint.Named) []checkpoint.Named {
		for i := range x {
			if x[i].Name == from {
				x[i].Name = to
			}
		}
		return x
	}
}

// A is uniform between ±1/√in, B zero; a module begins alike whatever else is adapted, another seed otherwise.
func TestNew(t *testing.T) {
	d, m := base(t, "llama")
	c := DefaultConfig()
	c.R, c.TargetModules.Expr = 300, AllLinear
	a, err := New(c, d, m, 42)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Modules) != 7*m.Layers || !slices.Equal(a.Config.TargetModules.Ends, []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}) {
		t.Fatalf("%d modules; target_modules %v", len(a.Modules), a.Config.TargetModules)
	}
	for _, one := range a.Modules {
		x := make([]float32, one.A.Len())
		one.A.Widen(x, 0)
		bound := 1 / math.Sqrt(float64(one.A.Shape[1]))
		sum, sq, most := 0.0, 0.0, 0.0
		for _, v := range x {
			sum, sq, most = sum+float64(v), sq+float64(v)*float64(v), max(most, math.Abs(float64(v)))
		}
		n := float64(len(x))
		// Five standard deviations of mean and mean square of a uniform distribution.
		if most > bound || most < 0.99*bound || math.Abs(sum/n) > 5*bound/math.Sqrt(3*n) || math.Abs(sq/n-bound*bound/3) > 5*bound*bound*math.Sqrt(4./45/n) {
			t.Errorf("%s: bound %v, largest %v, mean %v, mean square %v", one.Name, bound, most, sum/n, sq/n)
		}
		if !zero(one.B) || one.Scale != float32(32./300) {
			t.Errorf("%s: B or scaling %v", one.Name, one.Scale)
		}
	}
	c.TargetModules = Names{Ends: []string{"v_proj"}}
	again, err := New(c, d, m, 42)
	if err != nil {
		t.Fatal(err)
	}
	other, err := New(c, d, m, 43)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Modules[0].A.Data, a.Modules[2].A.Data) || bytes.Equal(other.Modules[0].A.Data, again.Modules[0].A.Data) ||
		bytes.Equal(again.Modules[0].A.Data, again.Modules[1].A.Data) {
		t.Error("a module's start must depend on the seed and its name, and on nothing else")
	}
	c.TargetModules.Ends = append(c.TargetModules.Ends, "w_proj")
	if _, err := New(c, d, m, 42); err == nil || !strings.Contains(err.Error(), "w_proj") {
		t.Errorf("an end that matches nothing: %v", err)
	}
	c.TargetModules, c.LoraDropout = Names{}, 0.05
	if _, err := New(c, d, m, 42); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "set it to 0") {
		t.Errorf("dropout: %v", err)
	}
}

func TestNewNamesWhatAnExpressionMatched(t *testing.T) {
	d, m := base(t, "llama")
	c := DefaultConfig()
	c.TargetModules.Expr = `.*\.1\..*(gate|up)_proj`
	a, err := New(c, d, m, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"model.layers.1.mlp.gate_proj", "model.layers.1.mlp.up_proj"}; !slices.Equal(a.Config.TargetModules.Ends, want) || a.Config.TargetModules.Expr != "" {
		t.Errorf("target_modules %v, want %v", a.Config.TargetModules, want)
	}
}

// The item of a fingerprint is "none" until an adapter changes something; then values count, not how they are stored.
func TestItem(t *testing.T) {
	d, m := base(t, "llama3_scaled_tied")
	c := DefaultConfig()
	c.R, c.ModulesToSave = 2, []string{"lm_head", "embed_tokens"}
	fresh, err := New(c, d, m, 1)
	if err != nil {
		t.Fatal(err)
	}
	reread := func(change func(tensors []checkpoint.Named)) *Adapter {
		dir, tensors := t.TempDir(), named(fresh)
		change(tensors)
		if err := Save(dir, fresh.Config, d, tensors); err != nil {
			t.Fatal(err)
		}
		a, err := Open(dir, m)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		return a
	}
	digest := func(a *Adapter) string {
		items, err := a.Mark([]checkpoint.Item{{Name: "weights"}, {Name: "adapter", Digest: "none"}}, d, m)
		if err != nil || len(items) != 2 {
			t.Fatal(items, err)
		}
		return items[1].Digest
	}
	same := reread(func([]checkpoint.Named) {})
	if got := []string{digest(nil), digest(fresh), digest(same)}; !slices.Equal(got, []string{"none", "none", "none"}) {
		t.Errorf("what changes nothing has digests %v", got)
	}
	seen := map[string]bool{"none": true}
	for i := range named(fresh) {
		if strings.HasSuffix(named(fresh)[i].Name, "lora_A.weight") {
			continue
		}
		got := digest(reread(func(x []checkpoint.Named) { x[i].Data[0]++ }))
		if seen[got] {
			t.Errorf("%s: a change gives digest %s", named(fresh)[i].Name, got)
		}
		seen[got] = true
	}
	trained := reread(func(x []checkpoint.Named) { x[1].Data[0]++ })
	scaled := reread(func(x []checkpoint.Named) { x[1].Data[0]++ })
	scaled.Modules[0].Scale++
	moved := reread(func(x []checkpoint.Named) { x[0].Data[0]++; x[1].Data[0]++ })
	if a, b, c := digest(trained), digest(scaled), digest(moved); a == b || a == c || !strings.HasPrefix(a, "sha256:") || a != digest(reread(func(x []checkpoint.Named) { x[1].Data[0]++ })) {
		t.Errorf("digests %s, %s, %s", a, b, c)
	}
}

// A directory that is an adapter's is told from a model's, and given as a model it says what to do.
func TestIs(t *testing.T) {
	dir := tol.Golden(t, "trajectories/lora_init")
	if !Is(dir) || Is(tol.Golden(t, "models/llama")) || Is(t.TempDir()) {
		t.Error("Is is wrong")
	}
	if _, err := checkpoint.Open(dir); err == nil || !strings.Contains(err.Error(), "--adapter") {
		t.Errorf("opened as a model: %v", err)
	}
}

func TestExpressions(t *testing.T) {
	for _, expr := range []string{`a`, `.*`, `(a|b)c`, `(?:a|b)+?`, `[a-z0-9_.]*`, `[^a]`, `\d{1,2}`, `a{3}`, `a{2,}`, `^a$`, `\.`, `\w\W\s\S\D`, `a-b`, `()`} {
		if _, err := fullmatch(expr); err != nil {
			t.Errorf("%s: %v", expr, err)
		}
	}
	for _, expr := range []string{
		`(?=a)`, `(?!a)`, `(?<=a)b`, `(?P<n>a)`, `(?P=n)`, `(?i)a`, `(?#c)`, `(?>a)`, `a*+`, `a++`, `a?+`, `a**`, `a{2}{3}`, `a{,3}`, `a{x`, `a}`, `]`,
		`\1`, `\Z`, `\A`, `\b`, `\pL`, `\x41`, `\Qa\E`, `[[:alpha:]]`, `[a&&b]`, `[a--b]`, `[a||b]`, `[]a]`, `[\d-a]`, `*`, `a|*`, `^*`, `(`, `)`, `[a`, `\`, "a\n", "é", `a{101}`,
		strings.Repeat("(", 200) + strings.Repeat(")", 200),
	} {
		if _, err := fullmatch(expr); err == nil {
			t.Errorf("%s: it must be refused", expr)
		}
	}
}

// FuzzAdapter opens what a directory may hold: no input may make that panic, or allocate more than follows from its size.
func FuzzAdapter(f *testing.F) {
	d, m := base(f, "llama")
	for _, c := range []Config{
		{R: 1, LoraAlpha: 2, TargetModules: Names{Ends: []string{"layers.0.self_attn.k_proj"}}, Init: true},
		{R: 1, LoraAlpha: 2, TargetModules: Names{Ends: []string{"layers.1.self_attn.v_proj"}}, ModulesToSave: []string{"model.norm"}, Init: true},
	} {
		a, err := New(c, d, m, 1)
		if err != nil {
			f.Fatal(err)
		}
		dir := f.TempDir()
		if err := Save(dir, a.Config, d, named(a)); err != nil {
			f.Fatal(err)
		}
		config, err := os.ReadFile(filepath.Join(dir, configName))
		if err != nil {
			f.Fatal(err)
		}
		weights, err := os.ReadFile(filepath.Join(dir, weightsName))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(config, weights)
	}
	f.Add([]byte(`{"peft_type":"LORA","r":65536,"target_modules":"all-linear","modules_to_save":["lm_head"]}`), []byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Add([]byte(`{"peft_type":"LORA","target_modules":".*(q|v)_proj","rank_pattern":{"(a|b)*":3},"exclude_modules":"[a-z]{1,9}"}`), []byte{})
	f.Add([]byte(`{"peft_type":"LORA","target_modules":["q_proj"],"layers_to_transform":1,"layers_pattern":["layers"],"alpha_pattern":{"":1e300}}`), []byte{})
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, config, weights []byte) {
		for name, text := range map[string][]byte{configName: config, weightsName: weights} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		// The model's own modules are gone over for every name: that is the constant.
		tol.AllocatesAtMost(t, 4<<20+1000*int64(len(config)+len(weights)), func() {
			a, err := Open(dir, m)
			if err != nil {
				return
			}
			for _, one := range a.Modules {
				zero(one.B)
			}
			text, err := json.Marshal(a.Config)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := ParseConfig(text); err != nil || len(again.TargetModules.Ends) != len(a.Config.TargetModules.Ends) {
				t.Fatalf("%s comes back as %+v, %v", text, again, err)
			}
			a.Close()
		})
	})
}
