package main

import (
	"errors"

	"github.com/steelyard-ml/steelyard/model/checkpoint/quant"
)

// bitsOptions say how a model's linear layers are held, under the names of TRL's ModelConfig.
type bitsOptions struct {
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
		if o != defaultBitsOptions() {
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
