package quant

import (
	"math"
	"slices"
	"sync"
)

// A Map is a set of 256 values, ascending, that an 8-bit code chooses from: bitsandbytes' dynamic data types.
type Map struct {
	Values [256]float32
	grid   [1 << 16]byte // the code at each point of a grid over [-1, 1]
}

// The maps: values with a sign, and without.
var (
	Signed   = sync.OnceValue(func() *Map { return dynamic(true) })
	Unsigned = sync.OnceValue(func() *Map { return dynamic(false) })
)

// dynamic cuts [0.1, 1], for each of seven powers of ten, into twice as many equal cells as for the power below it (one, or two where there
// is no sign); the values are the cells' midpoints, 0 and 1.
func dynamic(signed bool) *Map {
	m := &Map{}
	values := m.Values[:0]
	for power := range 7 {
		cells := 1 << power
		if !signed {
			cells *= 2
		}
		edges := linspace(0.1, 1, cells+1)
		scale := float32(math.Pow10(power - 6))
		for i := range cells {
			v := scale * ((edges[i] + edges[i+1]) / 2)
			values = append(values, v)
			if signed {
				values = append(values, -v)
			}
		}
	}
	values = append(values, 0, 1)
	slices.Sort(values)
	m.makeGrid()
	return m
}

// linspace is torch.linspace in float32: n numbers from a to b, each half counted from its own end, by fused multiply-adds.
func linspace(a, b float32, n int) []float32 {
	out := make([]float32, n)
	step := (b - a) / float32(n-1)
	for i := range out {
		if i < n/2 {
			out[i] = float32(float64(a) + float64(float64(step)*float64(i)))
		} else {
			out[i] = float32(float64(b) - float64(float64(step)*float64(n-1-i)))
		}
	}
	return out
}

// makeGrid finds the nearest value to each point of the grid, the lower of two as near.
func (m *Map) makeGrid() {
	code := 0
	for i := range m.grid {
		x := float32(i)*2/65535 - 1
		for code < 255 && x > (m.Values[code]+m.Values[code+1])*0.5 {
			code++
		}
		m.grid[i] = byte(code)
	}
}

// code is the code of a number from -1 to 1: that of the nearest point of the grid.
func (m *Map) code(x float32) byte {
	half := float32((x + 1) * 0.5)
	// A fused multiply-add: half is a multiple of 2^-25, so that float64 holds the product and the sum exactly.
	at := float32(float64(float64(half)*65535) + 0.5)
	if at != at {
		return m.grid[0]
	}
	return m.grid[uint16(int32(at))]
}

// Quantize sets a code for every element of x, and the largest magnitude of every block of size elements. The elements must be finite.
func (m *Map) Quantize(codes []byte, absmax, x []float32, size int) {
	for b := 0; b*size < len(x); b++ {
		block := x[b*size : min((b+1)*size, len(x))]
		var most float32
		for _, v := range block {
			most = max(most, float32(math.Abs(float64(v))))
		}
		absmax[b] = most
		out := codes[b*size:][:len(block)]
		if most == 0 {
			clear(out)
			continue
		}
		inverse := 1 / most
		for i, v := range block {
			out[i] = m.code(max(-1, min(1, v*inverse)))
		}
	}
}

// Dequantize sets x to the numbers that codes and the magnitudes of their blocks stand for.
func (m *Map) Dequantize(x []float32, codes []byte, absmax []float32, size int) {
	for i, c := range codes {
		x[i] = m.Values[c] * absmax[i/size]
	}
}
