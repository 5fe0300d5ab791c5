package quant

import (
	"fmt"
	"math/bits"
)

// A Type is a set of 16 values that a code chooses from, under bitsandbytes' name.
type Type string

// The types.
const (
	NF4 Type = "nf4" // quantiles of a normal distribution
	FP4 Type = "fp4" // a sign, two bits of exponent, one of mantissa
)

// DefaultBlockSize is the block size of bitsandbytes' layers.
const DefaultBlockSize = 64

// A Scheme says how weights become 4-bit codes: every block of BlockSize elements is divided by its largest magnitude, and each element
// becomes the code of the nearest of 16 values.
type Scheme struct {
	Type      Type `json:"type"`
	BlockSize int  `json:"block_size"` // a power of two from 32 to 4096
	// Nested stores the blocks' largest magnitudes in 8 bits (double quantization).
	Nested bool `json:"nested,omitempty"`
}

// Validate refuses a scheme that bitsandbytes does not have.
func (s Scheme) Validate() error {
	if s.Type != NF4 && s.Type != FP4 {
		return fmt.Errorf("4-bit type %q: use nf4 or fp4", s.Type)
	}
	if s.BlockSize < 32 || s.BlockSize > 4096 || bits.OnesCount(uint(s.BlockSize)) != 1 {
		return fmt.Errorf("4-bit block size %d: use a power of two from 32 to 4096, as 64", s.BlockSize)
	}
	return nil
}

// String is the scheme as fingerprints have it. Example: "bitsandbytes nf4, block 64, nested".
func (s Scheme) String() string {
	text := fmt.Sprintf("bitsandbytes %s, block %d", s.Type, s.BlockSize)
	if s.Nested {
		text += ", nested"
	}
	return text
}
