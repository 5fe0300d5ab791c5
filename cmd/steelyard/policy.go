package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
	"github.com/steelyard-ml/steelyard/model/checkpoint/quant"
	"github.com/steelyard-ml/steelyard/model/cpu"
)

// loraOptions make a LoRA adapter that is trained in place of the weights. They have the names and, but for lora_dropout, the defaults of
// TRL's ModelConfig; any of them asks for an adapter.
type loraOptions struct {
	UsePEFT           bool     `yaml:"use_peft" usage:"train a LoRA adapter and leave the model's weights as they are"`
	LoraR             int      `yaml:"lora_r" usage:"rank of the adapter; default 16"`
	LoraAlpha         float64  `yaml:"lora_alpha" usage:"the adapter is scaled by lora_alpha/lora_r; default 32"`
	LoraDropout       float64  `yaml:"lora_dropout" usage:"must be 0"`
	LoraTargetModules []string `yaml:"lora_target_modules" usage:"modules to adapt, by ends of their names; all-linear; or one regular expression; default as PEFT"`
	LoraModulesToSave []string `yaml:"lora_modules_to_save" usage:"modules that are trained whole beside it, as lm_head"`
	UseRSLoRA         bool     `yaml:"use_rslora" usage:"scale the adapter by lora_alpha/√lora_r"`
}

// wanted says whether any option asks for a new adapter.
func (o loraOptions) wanted() bool {
	return o.UsePEFT || o.UseRSLoRA || o.LoraR != 0 || o.LoraAlpha != 0 || o.LoraDropout != 0 || o.LoraTargetModules != nil || o.LoraModulesToSave != nil
}

// validate returns every fault of the options.
func (o loraOptions) validate(begin string) error {
	var faults []error
	if o.LoraR < 0 {
		faults = append(faults, fmt.Errorf("lora_r: %d is not allowed; use 1 or more, as 16", o.LoraR))
	}
	if o.LoraDropout != 0 {
		faults = append(faults, fmt.Errorf("lora_dropout: %v is not supported; leave it out, or set it to 0", o.LoraDropout))
	}
	if begin != "" && (o.LoraR != 0 || o.LoraAlpha != 0 || o.LoraTargetModules != nil || o.LoraModulesToSave != nil || o.UseRSLoRA) {
		faults = append(faults, errors.New("adapter: it brings its own rank, scaling and modules; remove lora_r, lora_alpha, lora_target_modules, "+
			"lora_modules_to_save and use_rslora, or begin without it"))
	}
	return errors.Join(faults...)
}

// config returns the configuration of a new adapter.
func (o loraOptions) config() adapter.Config {
	c := adapter.DefaultConfig()
	if o.LoraR != 0 {
		c.R = o.LoraR
	}
	if o.LoraAlpha != 0 {
		c.LoraAlpha = o.LoraAlpha
	}
	c.UseRSLoRA, c.ModulesToSave = o.UseRSLoRA, o.LoraModulesToSave
	// TRL reads a single entry as an expression. One that is a plain name would match a whole name alone, so it is taken for an end here.
	if t := o.LoraTargetModules; len(t) == 1 && (strings.EqualFold(t[0], adapter.AllLinear) || strings.ContainsAny(t[0], `*+?|()[]{}^$\`)) {
		c.TargetModules.Expr = t[0]
	} else {
		c.TargetModules.Ends = t
	}
	return c
}

// bitsOptions say in how many bits a model's linear layers are held and multiplied, under the names of TRL's configurations.
type bitsOptions struct {
	BF16           bool   `yaml:"bf16" usage:"multiply in bfloat16, forwards (AVX512_BF16): faster, other values than float32"`
	LoadIn4Bit     bool   `yaml:"load_in_4bit" usage:"hold linear layers in 4 bits, as bitsandbytes does (QLoRA)"`
	LoadIn8Bit     bool   `yaml:"load_in_8bit" usage:"refused: 8-bit weights (LLM.int8) are not computed; use load_in_4bit"`
	QuantType      string `yaml:"bnb_4bit_quant_type" usage:"4-bit values: nf4 or fp4"`
	UseNestedQuant bool   `yaml:"use_bnb_nested_quant" usage:"hold the magnitudes of 4-bit blocks in 8 bits (double quantization)"`
}

func defaultBitsOptions() bitsOptions { return bitsOptions{QuantType: string(quant.NF4)} }

// scheme returns how weights are to be held; nil: as they are stored.
func (o bitsOptions) scheme() (*quant.Scheme, error) {
	if o.LoadIn8Bit {
		return nil, errors.New("load_in_8bit: weights in 8 bits (LLM.int8) are not computed; use load_in_4bit, or neither")
	}
	if !o.LoadIn4Bit {
		plain := defaultBitsOptions()
		plain.BF16 = o.BF16
		if o != plain {
			return nil, errors.New("load_in_4bit: it is not set, so bnb_4bit_quant_type and use_bnb_nested_quant have no effect; set it, or leave them out")
		}
		return nil, nil
	}
	s := quant.Scheme{Type: quant.Type(o.QuantType), BlockSize: quant.DefaultBlockSize, Nested: o.UseNestedQuant}
	if s.Type != quant.NF4 && s.Type != quant.FP4 {
		return nil, errors.New("bnb_4bit_quant_type: there is no \"" + o.QuantType + "\"; use nf4 or fp4")
	}
	return &s, nil
}

// A policy is what is trained.
type policy struct {
	dir     *checkpoint.Dir
	adapter *adapter.Adapter // nil where all weights are trained
	model   model.Trainable
}

// openPolicy loads the model of the options, its linear layers held by a scheme if there is one, with the adapter that they name or make.
func openPolicy(o trainOptions, scheme *quant.Scheme) (p *policy, err error) {
	p = &policy{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.dir, err = checkpoint.Open(o.Model); err != nil {
		return p, err
	}
	config, err := p.dir.Config()
	if err == nil && scheme != nil {
		err = p.dir.Quantize(config, *scheme)
	}
	if err != nil {
		return p, err
	}
	switch {
	case o.Adapter != "":
		p.adapter, err = adapter.Open(o.Adapter, config)
	case o.wanted():
		p.adapter, err = adapter.New(o.config(), p.dir, config, o.Seed)
	}
	if err != nil {
		return p, err
	}
	p.model, err = cpu.NewTrainable(p.dir, config, cpu.Options{Threads: o.Threads, Adapter: p.adapter, BF16: o.BF16})
	return p, err
}

func (p *policy) close() {
	if p.model != nil {
		p.model.Close()
	}
	p.adapter.Close()
	if p.dir != nil {
		p.dir.Close()
	}
}
