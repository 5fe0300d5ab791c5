package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/steelyard-ml/steelyard/model/checkpoint/quant"
)

// A DType is the type of a tensor's elements, as safetensors spells it. Example: "BF16".
type DType string

// The element types that weights may have. Other types of safetensors are carried, but nothing computes with them.
const (
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"

	NF4 DType = "NF4" // 4 bits, in Tensor.Quant
	FP4 DType = "FP4"
)

// dtypeBytes is the size of an element of every type that safetensors 0.6 knows with whole bytes.
var dtypeBytes = map[DType]int64{
	F32: 4, F16: 2, BF16: 2, "F64": 8, "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1,
	"F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "C64": 8,
}

// A Tensor is a view of a stored tensor.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte // row-major, little-endian
	// Quant holds the elements in place of Data where DType is NF4 or FP4. What is stored as (in, out) is (out, in) then.
	Quant *quant.Matrix
}

// Len returns the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Widen writes the elements from number from on into dst, exactly, as float32. It panics if the tensor holds none of the types above, or
// if dst asks for more than there are.
func (t Tensor) Widen(dst []float32, from int) {
	switch t.DType {
	case F32:
		src := t.Data[4*from : 4*(from+len(dst))]
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case BF16:
		src := t.Data[2*from : 2*(from+len(dst))]
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
	case F16:
		src := t.Data[2*from : 2*(from+len(dst))]
		for i := range dst {
			dst[i] = widenHalf(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case NF4, FP4:
		t.Quant.Dequantize(dst, from)
	default:
		panic("checkpoint: Widen of a tensor of type " + string(t.DType))
	}
}

// widenHalf converts an IEEE 754 binary16, exactly.
func widenHalf(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exp, frac := uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exp {
	case 0: // zero or subnormal: frac · 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(frac)*0x1p-24))
	case 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// checkFloat refuses a tensor that nothing can compute with.
func (t Tensor) checkFloat() error {
	switch t.DType {
	case F32, F16, BF16, NF4, FP4:
		return nil
	}
	return fmt.Errorf("tensor %s has type %s; weights must be F32, F16 or BF16, or in bitsandbytes' 4 bits", t.Name, t.DType)
}
