package adapter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

// New makes an adapter for a base that changes nothing yet, as PEFT does with init_lora_weights true: A is uniform between ±1/√in (He et
// al. 2015 with a = √5, as torch.nn.Linear), B is zero, and modules_to_save are copies of the base's. Its names are checked more strictly
// than those of a directory, where tensors stand for what was meant: each must match a module.
//
// The numbers are the generator's of this program, not torch's: PCG (O'Neill 2014) seeded with the seed and the 64-bit FNV-1a hash of the
// module's name, so that a module begins alike whatever else is adapted; an element is ±1/√in times a multiple of 2⁻⁵² in [−1, 1).
func New(c Config, base *checkpoint.Dir, m *model.Config, seed uint64) (*Adapter, error) {
	adapted, saved, err := c.resolve(m)
	if err == nil {
		err = c.namesMatch(adapted)
	}
	if err == nil && c.LoraDropout != 0 {
		err = fmt.Errorf("lora_dropout %v: %w: set it to 0", c.LoraDropout, ErrUnsupported)
	}
	if err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	if c.TargetModules.Expr != "" {
		// PEFT refuses an expression that matches modules without weights too, as activations, which no tensor tells of: so names stand for it.
		c.TargetModules = Names{}
		for _, t := range adapted {
			c.TargetModules.Ends = append(c.TargetModules.Ends, t.name)
		}
	}
	a := &Adapter{Config: c}
	for _, t := range adapted {
		a.Modules = append(a.Modules, Module{Name: t.name, Scale: float32(t.scale),
			A: checkpoint.Tensor{Name: prefix + t.name + ".lora_A.weight", DType: checkpoint.F32, Shape: []int{t.r, t.in}, Data: uniform(t, seed)},
			B: checkpoint.Tensor{Name: prefix + t.name + ".lora_B.weight", DType: checkpoint.F32, Shape: []int{t.out, t.r}, Data: make([]byte, 4*t.out*t.r)}})
	}
	for _, s := range saved {
		for _, spec := range s.tensors {
			t, err := base.Tensor(stored(spec.Name, m))
			if err != nil {
				return nil, err
			}
			t.Name = s.saved(spec)
			a.Saved = append(a.Saved, Saved{spec, t})
		}
	}
	return a, nil
}

// stored is the name under which a base stores a tensor: a tied head is the embedding.
func stored(name string, m *model.Config) string {
	if m.Tied && name == m.Names.Head+".weight" {
		return m.Names.Embed + ".weight"
	}
	return name
}

// namesMatch refuses an end in target_modules that matches no module.
func (c *Config) namesMatch(adapted []target) error {
	var errs []error
	for _, end := range c.TargetModules.Ends {
		one := Names{Ends: []string{end}}
		match, err := one.matcher()
		if err != nil {
			return err
		}
		found := false
		for _, t := range adapted {
			found = found || match(t.name)
		}
		if !found {
			errs = append(errs, fmt.Errorf("target_modules %s: there is no such module to adapt", end))
		}
	}
	return errors.Join(errs...)
}

// uniform draws A as little-endian float32s.
func uniform(t target, seed uint64) []byte {
	h := fnv.New64a()
	h.Write([]byte(t.name))
	draw := rand.NewPCG(seed, h.Sum64())
	bound := 1 / math.Sqrt(float64(t.in))
	out := make([]byte, 4*t.r*t.in)
	for i := 0; i < len(out); i += 4 {
		u := float64(int64(draw.Uint64())>>11) * 0x1p-52 // in [−1, 1)
		binary.LittleEndian.PutUint32(out[i:], math.Float32bits(float32(u*bound)))
	}
	return out
}
