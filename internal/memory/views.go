package memory

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// littleEndian says whether memory has the byte order of safetensors files.
var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// Float32s returns b, little-endian float32s, as a slice: a view of the same memory where alignment and byte order allow it, a copy
// otherwise. So it must not be written to. Bytes after the last whole number are left out. A view's capacity is that of b.
func Float32s(b []byte) []float32 {
	n := len(b) / 4
	if n == 0 {
		return nil
	}
	if p := unsafe.Pointer(unsafe.SliceData(b)); littleEndian && uintptr(p)%4 == 0 {
		return unsafe.Slice((*float32)(p), cap(b)/4)[:n]
	}
	f := make([]float32, n)
	for i := range f {
		f[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return f
}

// Uint16s returns b, little-endian 16-bit words such as bfloat16 numbers, as Float32s does.
func Uint16s(b []byte) []uint16 {
	n := len(b) / 2
	if n == 0 {
		return nil
	}
	if p := unsafe.Pointer(unsafe.SliceData(b)); littleEndian && uintptr(p)%2 == 0 {
		return unsafe.Slice((*uint16)(p), cap(b)/2)[:n]
	}
	u := make([]uint16, n)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return u
}

// Bytes returns the little-endian bytes of f: a view of the same memory where the byte order allows it, a copy otherwise. So it must not be
// written to.
func Bytes(f []float32) []byte {
	if len(f) == 0 {
		return nil
	}
	if littleEndian {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(f))), 4*len(f))
	}
	b := make([]byte, 4*len(f))
	for i, v := range f {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
	}
	return b
}

// Pairs returns 16-bit words as pairs, each the bits of a float32 with the first in the lower half: a view of the same memory where byte order
// allows it, a copy otherwise. An odd last word is left out.
func Pairs(words []uint16) []float32 {
	n := len(words) / 2
	if p := unsafe.Pointer(unsafe.SliceData(words)); littleEndian {
		return unsafe.Slice((*float32)(p), n)
	}
	f := make([]float32, n)
	for i := range f {
		f[i] = math.Float32frombits(uint32(words[2*i+1])<<16 | uint32(words[2*i]))
	}
	return f
}
