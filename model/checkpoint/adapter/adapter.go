package adapter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

const (
	configName  = "adapter_config.json"
	weightsName = "adapter_model.safetensors"

	// prefix stands before a module's name in the file: PEFT's two wrappers.
	prefix = "base_model.model."
)

// An Adapter is what is added to a base model. Its tensors have their names in adapter_model.safetensors; their bytes are views, of a
// mapped file where there is one.
type Adapter struct {
	Config  Config
	Modules []Module // in the order of the base's tensors
	Saved   []Saved  // likewise
	path    string   // where it was read from, or ""
	file    *checkpoint.File
}

// A Module is a linear module of the base with its low-rank part: y += Scale·B·A·x.
type Module struct {
	Name  string            // in the base. Example: "model.layers.0.self_attn.q_proj"
	A     checkpoint.Tensor // (r, in)
	B     checkpoint.Tensor // (out, r)
	Scale float32
}

// A Saved is a tensor of a module of modules_to_save, which takes the place of the base's.
type Saved struct {
	Base   model.TensorSpec // the base's tensor; of a tied head, which the base does not store, what it would be called
	Tensor checkpoint.Tensor
}

// Is says whether a directory is an adapter's and no model's.
func Is(dir string) bool {
	_, adapter := os.Stat(filepath.Join(dir, configName))
	_, full := os.Stat(filepath.Join(dir, "config.json"))
	return adapter == nil && full != nil
}

// Open reads an adapter of a base with that configuration and checks that its tensors are those that adapter_config.json asks for, each
// in its shape, and no others. Close it when nothing uses its tensors any more.
func Open(dir string, m *model.Config) (*Adapter, error) {
	text, err := os.ReadFile(filepath.Join(dir, configName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("adapter: %s holds no %s: it is no adapter's directory", dir, configName)
	}
	if err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	c, err := ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("adapter: %s: %w", dir, err)
	}
	file, err := checkpoint.OpenFile(filepath.Join(dir, weightsName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("adapter: %s holds no %s: save the adapter as safetensors", dir, weightsName)
	}
	if err != nil {
		return nil, err
	}
	a, err := assemble(c, m, file)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("adapter: %s: %w", dir, err)
	}
	a.path, a.file = dir, file
	return a, nil
}

// assemble holds a file's tensors against a configuration.
func assemble(c Config, m *model.Config, file *checkpoint.File) (*Adapter, error) {
	adapted, saved, err := c.resolve(m)
	if err != nil {
		return nil, err
	}
	a := &Adapter{Config: c}
	known := map[string]bool{}
	var errs []error
	find := func(name string, shape ...int) checkpoint.Tensor {
		known[name] = true
		t, err := file.Tensor(name)
		if err == nil && !slices.Equal(t.Shape, shape) {
			err = fmt.Errorf("tensor %s has shape %v, %s asks for %v", name, t.Shape, configName, shape)
		}
		if err == nil && t.DType != checkpoint.F32 && t.DType != checkpoint.F16 && t.DType != checkpoint.BF16 {
			err = fmt.Errorf("tensor %s has type %s; an adapter's must be F32, F16 or BF16", name, t.DType)
		}
		errs = append(errs, err)
		return t
	}
	for _, t := range adapted {
		a.Modules = append(a.Modules, Module{Name: t.name, Scale: float32(t.scale),
			A: find(prefix+t.name+".lora_A.weight", t.r, t.in), B: find(prefix+t.name+".lora_B.weight", t.out, t.r)})
	}
	for _, s := range saved {
		for _, spec := range s.tensors {
			a.Saved = append(a.Saved, Saved{spec, find(s.saved(spec), spec.Shape...)})
		}
	}
	for _, t := range file.Tensors() {
		if !known[t.Name] {
			errs = append(errs, fmt.Errorf("tensor %s is no part of an adapter of this %s model as %s describes it", t.Name, m.Family, configName))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return a, nil
}

// Close unmaps the adapter's file, if it has one.
func (a *Adapter) Close() error {
	if a == nil || a.file == nil {
		return nil
	}
	return a.file.Close()
}
