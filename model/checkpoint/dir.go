package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint/quant"
	"github.com/steelyard-ml/steelyard/model/family"
)

const (
	weightsName = "model.safetensors"
	indexName   = "model.safetensors.index.json"
	configName  = "config.json"

	templateName       = "chat_template.jinja"
	templatesName      = "additional_chat_templates" // a directory
	legacyTemplateName = "chat_template.json"
)

// A Dir is an open Hugging Face model directory.
type Dir struct {
	path  string
	files []*File
	where map[string]*File

	stored map[string]quant.Type // weights stored in 4 bits
	beside map[string]bool       // tensors that belong to them
	asked  map[string]asked      // weights to be held in 4 bits
}

// Open opens a model directory and checks the headers of all its weights: model.safetensors, or the shards that
// model.safetensors.index.json names.
func Open(dir string) (*Dir, error) {
	d := &Dir{path: dir, where: map[string]*File{}}
	if err := d.open(); err != nil {
		d.Close()
		return nil, err
	}
	d.findStored()
	return d, nil
}

func (d *Dir) open() error {
	info, err := os.Stat(d.path)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("checkpoint: %s is a file; name the directory that holds config.json and model.safetensors", d.path)
	}
	if _, err := os.Stat(filepath.Join(d.path, weightsName)); err == nil {
		return d.add(weightsName)
	}
	text, err := os.ReadFile(filepath.Join(d.path, indexName))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("checkpoint: %s holds neither %s nor %s%s", d.path, weightsName, indexName, d.hint())
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return fmt.Errorf("checkpoint: %s: %w", filepath.Join(d.path, indexName), err)
	}
	return d.openShards(index.WeightMap)
}

// openShards opens the files of a weight map and holds every tensor against it.
func (d *Dir) openShards(weightMap map[string]string) error {
	var shards []string
	for _, shard := range weightMap {
		if !filepath.IsLocal(shard) {
			return fmt.Errorf("checkpoint: %s: shard %q lies outside the directory", indexName, shard)
		}
		if !slices.Contains(shards, shard) {
			shards = append(shards, shard)
		}
	}
	if len(shards) == 0 {
		return fmt.Errorf("checkpoint: %s: weight_map is empty", filepath.Join(d.path, indexName))
	}
	sort.Strings(shards)
	for _, shard := range shards {
		if err := d.add(shard); err != nil {
			return err
		}
	}
	for name, shard := range weightMap {
		if f := d.where[name]; f == nil || f.path != filepath.Join(d.path, shard) {
			return fmt.Errorf("checkpoint: %s: tensor %s is not in shard %s", d.path, name, shard)
		}
	}
	return nil
}

func (d *Dir) add(name string) error {
	f, err := OpenFile(filepath.Join(d.path, name))
	if err != nil {
		return err
	}
	d.files = append(d.files, f)
	for _, t := range f.tensors {
		if other := d.where[t.Name]; other != nil {
			return fmt.Errorf("checkpoint: tensor %s is in %s and in %s", t.Name, other.path, f.path)
		}
		d.where[t.Name] = f
	}
	return nil
}

// hint says what a directory without weights seems to hold.
func (d *Dir) hint() string {
	if _, err := os.Stat(filepath.Join(d.path, "adapter_config.json")); err == nil {
		return " (it is an adapter: give the model it belongs to as --model, and this directory as --adapter)"
	}
	for _, pattern := range []string{"pytorch_model*.bin", "*.gguf"} {
		if found, _ := filepath.Glob(filepath.Join(d.path, pattern)); len(found) > 0 {
			return fmt.Sprintf(" (but %s: save the model as safetensors first)", filepath.Base(found[0]))
		}
	}
	return ""
}

// Path returns the directory's path as it was given.
func (d *Dir) Path() string { return d.path }

// Names returns the names of all tensors, sorted. What lies beside a weight in 4 bits is no tensor of its own.
func (d *Dir) Names() []string {
	out := make([]string, 0, len(d.where))
	for name := range d.where {
		if !d.beside[name] {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

// Tensor returns the tensor of that name. A checkpoint that was saved without its head, as GPT-2's was, lacks the first part of every name
// ("transformer."), as transformers knows too. One that is to be held in 4 bits is made anew with every call.
func (d *Dir) Tensor(name string) (Tensor, error) {
	t, err := d.raw(name)
	if err != nil {
		return t, err
	}
	if how, ok := d.asked[name]; ok {
		return d.quantize(t, how)
	}
	if _, ok := d.stored[name]; ok {
		return d.readStored(t)
	}
	return t, nil
}

// raw returns a tensor as it lies in its file.
func (d *Dir) raw(name string) (Tensor, error) {
	for _, known := range []string{name, withoutBase(name)} {
		if f := d.where[known]; f != nil {
			t, err := f.Tensor(known)
			t.Name = name
			return t, err
		}
	}
	return Tensor{}, fmt.Errorf("checkpoint: %s holds no tensor %s", d.path, name)
}

// withoutBase returns the name of a tensor in the model without a head.
func withoutBase(name string) string {
	_, rest, _ := strings.Cut(name, ".")
	return rest
}

// buffers are the endings of tensors that old checkpoints hold though nothing was trained in them: masks and frequencies.
var buffers = []string{"rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias"}

func isBuffer(name string) bool {
	return slices.ContainsFunc(buffers, func(end string) bool { return strings.HasSuffix("."+name, end) })
}

// Release gives the memory that the mapped files take back to the system. Tensors stay valid: what is looked at again is read again.
func (d *Dir) Release() error {
	var errs []error
	for _, f := range d.files {
		if err := release(f.data); err != nil {
			errs = append(errs, fmt.Errorf("checkpoint: %s: %w", f.path, err))
		}
	}
	return errors.Join(errs...)
}

// Close unmaps all files.
func (d *Dir) Close() error {
	var errs []error
	for _, f := range d.files {
		errs = append(errs, f.Close())
	}
	d.files, d.where = nil, nil
	return errors.Join(errs...)
}

// Config reads the directory's config.json.
func (d *Dir) Config() (*model.Config, error) { return ReadConfig(d.path) }

// ReadConfig reads the config.json of a directory, which need not hold weights.
func ReadConfig(dir string) (*model.Config, error) {
	text, err := os.ReadFile(filepath.Join(dir, configName))
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	c, err := family.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", dir, err)
	}
	return c, nil
}

// Validate checks, before any work is done, that the directory holds every tensor of a configuration in its shape and a type to compute
// with, and no other. Two kinds of others are let pass: buffers of old checkpoints, and a stored head beside tied embeddings that holds the
// same values.
func (d *Dir) Validate(c *model.Config) error {
	var errs []error
	known := map[string]bool{}
	for _, spec := range c.Tensors() {
		known[spec.Name] = true
		if d.where[spec.Name] == nil {
			known[withoutBase(spec.Name)] = true
		}
		errs = append(errs, d.validate(spec))
	}
	for _, name := range d.Names() {
		switch {
		case known[name] || isBuffer(name):
		case c.Tied && name == c.Names.Head+".weight":
			errs = append(errs, d.sameAsEmbedding(c))
		default:
			errs = append(errs, fmt.Errorf("checkpoint: %s: tensor %s is no part of a %s model as config.json describes it", d.path, name, c.Family))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	switch {
	case c.Quantized && len(d.stored) == 0:
		return fmt.Errorf("checkpoint: %s: config.json has a quantization_config, and no weight is stored in 4 bits: remove it", d.path)
	case !c.Quantized && len(d.stored) > 0:
		return fmt.Errorf("checkpoint: %s: weights are stored in 4 bits, and config.json has no quantization_config that says so", d.path)
	}
	return nil
}

// validate checks one tensor.
func (d *Dir) validate(spec model.TensorSpec) error {
	read, shape := d.raw, spec.Shape
	if _, ok := d.stored[spec.Name]; ok {
		switch spec.Kind {
		case model.Conv1D:
			shape = []int{shape[1], shape[0]}
		case model.Linear, model.Head:
		default:
			return fmt.Errorf("checkpoint: %s: tensor %s is stored in 4 bits, and transformers 5 holds linear layers alone that way", d.path, spec.Name)
		}
		read = d.Tensor
	}
	t, err := read(spec.Name)
	if err != nil {
		return err
	}
	if !slices.Equal(t.Shape, shape) {
		return fmt.Errorf("checkpoint: %s: tensor %s has shape %v, config.json asks for %v", d.path, t.Name, t.Shape, shape)
	}
	return t.checkFloat()
}

func (d *Dir) sameAsEmbedding(c *model.Config) error {
	head, err := d.Tensor(c.Names.Head + ".weight")
	if err != nil {
		return err
	}
	embed, err := d.Tensor(c.Names.Embed + ".weight")
	if err != nil {
		return err
	}
	if head.DType == embed.DType && string(head.Data) == string(embed.Data) {
		return nil
	}
	return fmt.Errorf("checkpoint: %s: config.json says tie_word_embeddings, but %s differs from %s: set tie_word_embeddings to false, or remove the tensor",
		d.path, head.Name, embed.Name)
}
